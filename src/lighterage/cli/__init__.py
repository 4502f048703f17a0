"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path

import click

from .. import __version__

COMMANDS = {
    "init": "Make a small project that runs at once",
    "validate": "Report every mistake in workflows, environments and steps",
    "plan": "Show what would run, what is cached, and why not",
    "run": "Run a workflow on this machine",
    "submit": "Start a workflow on a cluster",
    "watch": "Watch a run on a cluster",
    "stop": "Stop a run on a cluster",
    "retry": "Run again what failed in a run on a cluster",
    "approve": "Answer a task that waits for a person",
    "compile": "Write plain Argo Workflows manifests",
    "images": "Build the images that steps run in",
    "lock": "Write digests beside the tags of images",
    "runs": "List runs",
    "show": "Show a run",
    "logs": "Print a task's log",
    "why": "Tell why a task ran, was cached, skipped or failed",
    "reproduce": "Run a run again and compare every output",
    "get": "Copy a task's output out of the store",
    "cache": "Check a store, clean it up, copy runs to another",
    "edge": "Verify a bundle, or run it on data",
    "steps": "List, show and check steps",
    "graph": "Draw a workflow as Mermaid or DOT",
    "schema": "Print the JSON Schema of a kind of file",
    "explain": "Explain a diagnostic's code or a field of the language",
    "doctor": "Tell what this machine, or an environment, has and lacks",
    "completion": "Print a completion script for a shell",
}
"""Command -> one line of help; the module has the command's name."""

EXIT_CODES = "Exit codes: 0 done, 1 the workflow or a step failed, 2 usage or invalid files, 3 something missing, 4 storage, 130/143 signals."


WITHOUT_LINKS = "this checkout was made without symbolic links: clone it again with `git clone -c core.symlinks=true`, or install a wheel"


class LazyGroup(click.Group):
    """Knows every command's name and help, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return import_module(f".{name}", __name__).command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(
                f"no such command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else "; see lighterage --help")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="lighterage")
def cli() -> None:
    """One YAML workflow: from a laptop, through Argo Workflows on any cluster, to a TFLite bundle proven fit for a device."""


def main() -> None:
    """The entry point: runs a command and turns the project's few errors into messages and exit codes."""
    if not (Path(__file__).parent.parent / "schemas").is_dir():
        sys.exit(_fail(WITHOUT_LINKS, 3))
    from ..diagnostics import Missing, Mistakes

    gc.disable()  # start-up makes objects that stay; to look among them for garbage costs a tenth of it
    try:
        code = cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except Mistakes as error:
        from .talk import show_diagnostics

        show_diagnostics(error.diagnostics)
        code = 2
    except Missing as error:
        code = _fail(str(error), 3)
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except Exception as error:
        from ..storing import StoreError

        if not isinstance(error, StoreError):
            raise
        code = _fail(str(error), error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    click.echo(f"lighterage: {message}", err=True)
    return code
