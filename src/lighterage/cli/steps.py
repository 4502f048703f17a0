"""`lighterage steps list | show NAME | check [DIR]`"""

from __future__ import annotations

from pathlib import Path

import click

from ..catalog import FoundStep, NotFound, find_step, shipped_steps
from ..diagnostics import Mistakes
from ..planning.code import check_step
from ..reading import read_document
from ..schemas.contract import Port
from .loading import json_option
from .talk import print_json, show_diagnostics, shown, table


@click.group()
def command() -> None:
    """List, show and check steps."""


def _find(uses: str) -> FoundStep:
    try:
        found, mistakes = find_step(uses, Path())
    except NotFound as error:
        raise click.UsageError(error.message + (f"; {error.hint}" if error.hint else "")) from None
    if found is None:
        raise Mistakes(mistakes)
    return found


@command.command("list")
@json_option
def list_steps(form: str) -> None:
    """List the steps that ship."""
    steps = [_find(name).step for name in shipped_steps()]
    if form == "json":
        print_json([step.model_dump(mode="json", exclude_defaults=True) for step in steps])
    else:
        click.echo(
            table(
                [(f"{step.name}@{step.version.split('.')[0]}", step.description) for step in steps],
                ("step", "what it does"),
            )
        )


@command.command("show")
@click.argument("name")
@json_option
def show_step(name: str, form: str) -> None:
    """Show a step's contract: what it takes, gives and needs."""
    step = _find(name).step
    if form == "json":
        print_json(step.model_dump(mode="json", exclude_defaults=True))
        return
    click.echo(f"{step.name} {step.version}: {step.description}\n")
    click.echo(
        table([_row(name, port) for name, port in step.inputs.items()], ("input", "type", "default", "description"))
    )
    click.echo()
    click.echo(
        table(
            [
                (name, port.text() + (" (optional)" if port.optional else ""), port.description)
                for name, port in step.outputs.items()
            ],
            ("output", "type", "description"),
        )
    )
    click.echo(f"\nruns in: {step.image}" + (f"; requires {', '.join(step.requires)}" if step.requires else ""))


def _row(name: str, port: Port) -> tuple[str, ...]:
    default = "needed" if port.required else shown(port.default) if port.has_default else "optional"
    return name, port.text(), default, port.description


@command.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), default=".")
def check_steps(folder: str) -> int:
    """Check every step below a folder: contract, code, and that they agree."""
    found = []
    files = sorted(Path(folder).rglob("step.yaml"))
    for file in files:
        try:
            found += check_step(read_document(file), file.absolute().parent)
        except Mistakes as error:
            found += error.diagnostics
    show_diagnostics(found)
    errors = sum(one.severity == "error" for one in found)
    click.echo(f"{errors or 'no'} mistake{'s' * (errors != 1)} in {len(files)} step{'s' * (len(files) != 1)}", err=True)
    return 2 if errors else 0
