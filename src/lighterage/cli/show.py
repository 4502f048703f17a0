"""`lighterage show RUN`"""

from __future__ import annotations

import click

from ..recording.runs import records_of
from ..recording.view import record_as_json
from .loading import json_option
from .stores import store_options, the_run, the_store
from .talk import duration, print_json, shown, table


@click.command()
@click.argument("run", default="latest")
@store_options
@json_option
def command(run: str, environment: str, store: str | None, form: str) -> None:
    """Show a run: its name, the start or end of it, or `latest`."""
    opened = the_store(environment, store)
    record = the_run(opened, run)
    tasks = records_of(opened, record)
    if form == "json":
        print_json({**record.model_dump(mode="json"), "tasks": [record_as_json(one, opened) for one in tasks]})
        return
    arguments = ", ".join(f"{name}={shown(value)}" for name, value in record.arguments.items())
    click.echo(f"{record.run}: {record.status} in {record.environment}" + (f", with {arguments}" if arguments else ""))
    rows = []
    for one in tasks:
        values = ", ".join(f"{name} {shown(value)}" for name, value in one.outputs.items())
        rows.append(
            (
                f"{one.task}[{one.index}]" if one.matrix else one.task,
                "cached" if one.cached else one.status,
                duration(one.seconds) if one.seconds and not one.cached else "",
                one.failure.message.splitlines()[0] if one.failure else values,
            )
        )
    click.echo(table(rows, ("task", "status", "time", "outputs")))
