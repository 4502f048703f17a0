"""`lighterage show RUN`"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..recording.runs import records_of
from ..recording.view import record_as_json
from ..schemas.record import RunRecord
from ..storing import Store
from .argo import on_cluster
from .clusters import look
from .loading import json_option
from .stores import store_options, the_run, the_store
from .talk import duration, print_json, shown, table, task_rows

if TYPE_CHECKING:
    from ..targets.argo.nodes import Seen


@click.command()
@click.argument("run", default="latest")
@store_options
@json_option
def command(run: str, environment: str | None, store: str | None, form: str) -> None:
    """Show a run: its name, the start or end of it, or `latest`."""
    opened = the_store(environment, store)
    record, seen = look(opened, the_run(opened, run), environment)
    show(opened, record, form, seen)


def show(store: Store, record: RunRecord, form: str, seen: Iterable[Seen] = ()) -> None:
    """Prints a run as a table, or as JSON. ``seen`` is what its cluster says of instances, while it runs."""
    tasks = records_of(store, record)
    if record.status == "running" and on_cluster(record):
        tasks = [one for one in tasks if one.status != "cancelled"]  # to be tried again
    ended = {(one.task, one.index) for one in tasks}
    begun = [one for one in seen if not one.ended and (one.task, one.index) not in ended]
    if form == "json":
        told = [*(record_as_json(one, store) for one in tasks), *map(_begun_as_json, begun)]
        print_json({**record.model_dump(mode="json"), "tasks": told})
        return
    arguments = ", ".join(f"{name}={shown(value)}" for name, value in record.arguments.items())
    click.echo(f"{record.run}: {record.status} in {record.environment}" + (f", with {arguments}" if arguments else ""))
    if record.reason:
        click.echo(record.reason)
    click.echo(table([*task_rows(tasks), *_begun_rows(begun)], ("task", "status", "time", "outputs")))


def _begun_rows(begun: Iterable[Seen]) -> Iterable[Sequence[str]]:
    for one in begun:
        label = f"{one.task}[{one.index}]" if one.index else one.task
        yield label, one.state, duration(_since(one)), one.message


def _begun_as_json(one: Seen) -> dict[str, Any]:
    return {
        "task": one.task,
        "index": one.index,
        "status": one.state,
        "cached": False,
        "seconds": round(_since(one), 3),
        "outputs": {},
    }


def _since(one: Seen) -> float:
    return max(0.0, time.time() - one.started) if one.started else 0.0
