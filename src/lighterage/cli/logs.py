"""`lighterage logs RUN TASK`"""

from __future__ import annotations

import shutil
import sys

import click

from ..schemas.record import RunRecord
from ..storing import Store
from .argo import on_cluster
from .clusters import argo_of
from .stores import instance_of, store_options, the_record, the_run, the_store


@click.command()
@click.argument("run")
@click.argument("task", metavar="TASK[INDEX]")
@click.option("--index", type=click.IntRange(0), default=0, help="Which instance of a matrix. Default: 0.")
@store_options
def command(run: str, task: str, index: int, environment: str | None, store: str | None) -> int:
    """Print a task's log. A cached task's log is that of the run which did the work."""
    opened = the_store(environment, store)
    found = the_run(opened, run)
    name, index = instance_of(task, index)
    record = opened.read_record(found.run, name, index)
    if record is None and not on_cluster(found):
        the_record(opened, found, name, index)
    source = opened.read_run(record.from_run) if record and record.from_run else None
    return _print(opened, source or found, name, index, environment)


def _print(store: Store, run: RunRecord, task: str, index: int, environment: str | None) -> int:
    """From the store, or from the pod while the cluster has it."""
    try:
        with store.open_log(run.run, task, index) as log:
            sys.stdout.flush()
            shutil.copyfileobj(log, sys.stdout.buffer)
            return 0
    except FileNotFoundError:
        if not on_cluster(run):
            click.echo(f"{task} printed nothing", err=True)
            return 0
    from ..targets.argo.nodes import instances

    argo = argo_of(run, environment)
    workflow = argo.workflow(run)
    for seen in instances(workflow) if workflow else ():
        if (seen.task, seen.index) == (task, index) and seen.pod:
            return argo.logs(seen.pod, seen.container)
    if workflow is None:
        click.echo(f"the cluster has forgotten {run.run}, and its logs with it", err=True)
        return 1
    raise click.UsageError(f"{run.run} has run no task {task!r} with index {index} so far")
