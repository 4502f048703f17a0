"""`lighterage watch RUN`"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..recording.settling import settle
from ..schemas.record import RunRecord, TaskRecord
from ..storing import Store
from .argo import Argo, Refused
from .clusters import cluster_run, told, up_to_date
from .loading import json_option
from .progress import LAST_LINES, on_terminal
from .show import show
from .stores import again, store_options, the_run, the_store

if TYPE_CHECKING:
    from ..targets.argo.nodes import Seen
    from .watching import Lines

PAUSE = 2.0
"""seconds between looks"""


@click.command()
@click.argument("run", default="latest")
@store_options
@json_option
def command(run: str, environment: str | None, store: str | None, form: str) -> int:
    """Watch a run on a cluster until it ends. Ctrl-C leaves it going."""
    opened = the_store(environment, store)
    record = up_to_date(opened, the_run(opened, run), environment)
    if record.status != "running":
        show(opened, record, form)
        return 0 if record.status == "succeeded" else 1
    argo = cluster_run(record, environment, "it tells what it does where it runs")
    return watch(opened, record, argo, form, again(record, environment, store))


def watch(store: Store, run: RunRecord, argo: Argo, form: str, name: str) -> int:
    """Tells what happens in a run until it ends, then shows it; returns its exit code. By ``name``, and the options in
    it, the run is found again."""
    from .watching import Lines, Tree

    plan = store.read_plan(run.run)
    options = name.removeprefix(run.run)
    view = Tree(run, plan, options) if on_terminal() else Lines(run, plan, options)
    try:
        with view:
            ended = _Watch(store, run, argo, view).until_the_end()
    except KeyboardInterrupt:
        click.echo(f"{run.run} goes on; watch it again with: lighterage watch {name}", err=True)
        return 130
    show(store, ended, form)
    return 0 if ended.status == "succeeded" else 1


class _Watch:
    """Looks again and again, and tells what is new."""

    def __init__(self, store: Store, run: RunRecord, argo: Argo, view: Lines) -> None:
        self.store = store
        self.run = run
        self.argo = argo
        self.view = view
        self.states: dict[tuple[str, int], str] = {}

    def until_the_end(self) -> RunRecord:
        from ..targets.argo.nodes import counts, instances

        answered = False
        while True:
            try:
                workflow = self.argo.workflow(self.run)
                answered = True
            except Refused as error:
                if not answered:
                    raise
                self.view.say(f"the cluster does not answer ({error}); asking again")
                time.sleep(PAUSE)
                continue
            seen = instances(workflow) if workflow else []
            for one in seen:
                self._tell(one, workflow or {})
            self.view.draw(seen, counts(workflow) if workflow else {})
            ended = settle(self.store, self.run, told(workflow, self.run))
            if ended.status != "running" or workflow is None:
                return ended
            time.sleep(PAUSE)

    def _tell(self, seen: Seen, workflow: dict[str, Any]) -> None:
        from ..targets.argo.nodes import record_of

        key = (seen.task, seen.index)
        before = self.states.get(key)
        if before == seen.state:
            return
        self.states[key] = seen.state
        if not seen.ended:
            self.view.begun(seen)
            return
        record = self.store.read_record(self.run.run, *key)
        if record is None or record.status == "cancelled":  # of an earlier try
            record = record_of(seen, workflow, self.run.run)
        self.view.finished(seen, record, self._log(seen, record))

    def _log(self, seen: Seen, record: TaskRecord) -> list[str]:
        return (
            self.argo.last_lines(seen.pod, seen.container, LAST_LINES) if seen.pod and record.status == "failed" else []
        )
