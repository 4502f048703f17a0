"""`lighterage validate FILE…`"""

from __future__ import annotations

from pathlib import Path

import click

from ..diagnostics import Diagnostic, Mistakes
from ..planning import plan_workflow
from ..reading import Document, check, read_document
from .loading import environment_option, read_environment
from .talk import show_diagnostics


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@environment_option()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="Form of the report.",
)
def command(files: tuple[str, ...], environment: str, form: str) -> int:
    """Report every mistake in workflows, environments and steps, all at once, each with its place."""
    found: dict[Diagnostic, None] = {}
    for file in files:
        found |= dict.fromkeys(_validate(Path(file), environment))
    show_diagnostics(list(found), form)
    errors = sum(one.severity == "error" for one in found)
    if form == "text":
        many = len(files)
        said = f"{errors} mistake{'s' * (errors != 1)}" if errors else "no mistakes"
        click.echo(f"{said} in {many} file{'s' * (many != 1)}", err=True)
    return 2 if errors else 0


def _validate(file: Path, environment: str) -> list[Diagnostic]:
    try:
        document = read_document(file)
        return _check(document, file, environment)
    except Mistakes as error:
        return list(error.diagnostics)


def _check(document: Document, file: Path, environment: str) -> list[Diagnostic]:
    kind = document.value.get("kind") if isinstance(document.value, dict) else None
    if kind == "Step":
        from ..planning.code import check_step

        return check_step(document, file.absolute().parent)
    if kind == "Environment":
        from ..schemas.environment import Environment

        return check(document, Environment)[1]
    near = file.absolute().parent
    return plan_workflow(document, read_environment(environment, near)).found
