"""`lighterage runs`"""

from __future__ import annotations

import time

import click

from .clusters import all_up_to_date
from .loading import json_option
from .stores import store_options, the_store
from .talk import duration, print_json, table


@click.command()
@store_options
@click.option("--limit", "-n", type=click.IntRange(1), default=20, help="Most runs to list. Default: 20.")
@json_option
def command(environment: str | None, store: str | None, limit: int, form: str) -> None:
    """List runs, the newest first."""
    opened = the_store(environment, store)
    runs = all_up_to_date(opened, opened.runs()[:limit], environment)
    if form == "json":
        print_json([run.model_dump(mode="json") for run in runs])
        return
    rows = []
    for run in runs:
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
        rows.append((run.run, run.status, begun, duration(run.finished - run.started) if run.finished else ""))
    click.echo(table(rows, ("run", "status", "started", "took")))
