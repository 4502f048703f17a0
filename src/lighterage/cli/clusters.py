"""The cluster of a run: found by its environment, asked how the run is, and what it said written to the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..catalog import NotFound, find_environment
from ..diagnostics import Missing
from ..reading import read_document
from ..recording.settling import Told, settle
from ..schemas.record import RunRecord
from ..storing import Store
from .argo import Argo, on_cluster
from .loading import environment_in
from .stores import shared

if TYPE_CHECKING:
    from ..targets.argo.nodes import Seen


def argo_of(run: RunRecord, environment: str | None) -> Argo:
    """The cluster that a run is on: of the environment that is named, or of the one that its record names.

    Raises Missing where neither is here, or is a cluster.
    """
    for name in (environment, run.environment):
        if name and (site := _site(name)):
            return Argo(site)
    raise Missing(f"{run.run} is on a cluster, and which one is not known here: name its environment with -e")


def _site(name: str) -> Any:
    try:
        file = find_environment(name, Path())
    except NotFound:
        return None
    site = next(iter(environment_in(read_document(file)).sites.values()))
    return site if site.target == "argo" else None


def cluster_run(run: RunRecord, environment: str | None, instead: str) -> Argo:
    """The same for commands that only make sense there. ``instead`` says what to do about a run on a laptop."""
    if not on_cluster(run):
        raise click.UsageError(f"{run.run} is no run on a cluster: {instead}")
    return argo_of(run, environment)


def told(workflow: dict[str, Any] | None, run: RunRecord) -> Told:
    """A Workflow as the settling of runs wants it."""
    from ..targets.argo.nodes import finished_at, message_of, records_of, status_of

    if workflow is None:
        return Told("gone")
    status = status_of(workflow)
    if status == "running":
        return Told(status)
    return Told(status, finished_at(workflow), message_of(workflow), list(records_of(workflow, run.run)))


def up_to_date(store: Store, run: RunRecord, environment: str | None) -> RunRecord:
    """A run's record as of now. Where its cluster cannot be asked, that is said, and the store alone is looked at."""
    return look(store, run, environment)[0]


def look(store: Store, run: RunRecord, environment: str | None) -> tuple[RunRecord, list[Seen]]:
    """The same, and the instances that have begun while it runs."""
    from ..targets.argo.nodes import instances

    [(record, workflow)] = _looked(store, [run], environment)
    return record, instances(workflow) if workflow and record.status == "running" else []


def all_up_to_date(store: Store, runs: Iterable[RunRecord], environment: str | None) -> list[RunRecord]:
    """The records of several runs. A cluster that does not answer is not asked twice."""
    return [record for record, _ in _looked(store, runs, environment)]


def _looked(
    store: Store, runs: Iterable[RunRecord], environment: str | None
) -> Iterator[tuple[RunRecord, dict[str, Any] | None]]:
    silent = False
    for run in runs:
        if run.status != "running" or not on_cluster(run):
            yield run, None
            continue
        workflow = known = None
        if not silent:
            try:
                workflow = argo_of(run, environment).workflow(run)
                known = told(workflow, run)
            except Missing as error:
                silent = True
                click.echo(f"the cluster could not be asked, so this is what the store knows: {error}", err=True)
        yield settle(shared(store), run, known), workflow
