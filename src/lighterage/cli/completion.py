"""`lighterage completion SHELL`"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a completion script: eval "$(lighterage completion bash)" in your shell's start-up file."""
    from . import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "lighterage", "_LIGHTERAGE_COMPLETE").source())
