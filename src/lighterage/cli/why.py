"""`lighterage why RUN TASK`"""

from __future__ import annotations

import click

from ..recording.why import why
from .clusters import up_to_date
from .loading import json_option
from .stores import instance_of, store_options, the_record, the_run, the_store
from .talk import print_json


@click.command()
@click.argument("run")
@click.argument("task", metavar="TASK[INDEX]")
@store_options
@json_option
def command(run: str, task: str, environment: str | None, store: str | None, form: str) -> None:
    """Tell why a task ran again, was answered by the cache, was skipped, or failed."""
    opened = the_store(environment, store)
    found = up_to_date(opened, the_run(opened, run), environment)
    name, index = instance_of(task)
    told = why(opened, found, the_record(opened, found, name, index))
    if form == "json":
        print_json(
            {
                "run": found.run,
                "task": name,
                "index": index,
                "status": told.status,
                "reason": told.reason,
                "against": told.run,
            }
        )
        return
    click.echo(
        f"{task}: {told.status}: {told.reason}"
        + (f" (against {told.run})" if told.run and told.run not in told.reason else "")
    )
