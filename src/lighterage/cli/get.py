"""`lighterage get RUN TASK.OUTPUT DEST`"""

from __future__ import annotations

from pathlib import Path

import click

from ..recording.export import export
from ..recording.view import is_artifact
from ..schemas.plan import canonical
from ..schemas.record import ArtifactRef
from .stores import instance_of, store_options, the_run, the_store
from .talk import size


@click.command()
@click.argument("run")
@click.argument("output", metavar="TASK[INDEX].OUTPUT")
@click.argument("destination", required=False, type=click.Path())
@click.option("--index", type=click.IntRange(0), default=0, help="Which instance of a matrix. Default: 0.")
@store_options
def command(
    run: str, output: str, destination: str | None, index: int, environment: str | None, store: str | None
) -> None:
    """Copy a task's output out of the store; a value is printed."""
    opened = the_store(environment, store)
    task, _, name = output.partition(".")
    task, index = instance_of(task, index)
    record = opened.read_record(found := the_run(opened, run).run, task, index)
    if record is None or name not in record.outputs:
        there = ", ".join(f"{task}.{one}" for one in record.outputs) if record else ""
        raise click.UsageError(f"{found} has no output {output!r}" + (f"; there are: {there}" if there else ""))
    value = record.outputs[name]
    if not is_artifact(value):
        click.echo(value if isinstance(value, str) else canonical(value))
        return
    if destination is None:
        raise click.UsageError(f"{output} is a {value['type']}: say where to put it")
    place = Path(destination)
    if place.exists():
        raise click.UsageError(f"{place} exists already")
    export(ArtifactRef.model_validate(value), place, opened)
    click.echo(f"{output} ({size(value['size'])}) is at {place}", err=True)
