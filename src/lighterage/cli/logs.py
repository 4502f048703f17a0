"""`lighterage logs RUN TASK`"""

from __future__ import annotations

import shutil
import sys

import click

from .stores import store_options, the_run, the_store


@click.command()
@click.argument("run")
@click.argument("task")
@click.option("--index", type=click.IntRange(0), default=0, help="Which instance of a matrix. Default: 0.")
@store_options
def command(run: str, task: str, index: int, environment: str, store: str | None) -> None:
    """Print a task's log. A cached task's log is that of the run which did the work."""
    opened = the_store(environment, store)
    record = opened.read_record(name := the_run(opened, run).run, task, index)
    if record is None:
        raise click.UsageError(f"{name} has no task {task!r} with index {index}")
    try:
        with opened.open_log(record.from_run or name, task, index) as log:
            sys.stdout.flush()
            shutil.copyfileobj(log, sys.stdout.buffer)
    except FileNotFoundError:
        click.echo(f"{task} printed nothing", err=True)
