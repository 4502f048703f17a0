"""`lighterage run WORKFLOW`"""

from __future__ import annotations

import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..schemas import BadInput
from ..schemas.environment import Environment
from ..schemas.plan import Plan
from ..storing import Store, open_store
from ..targets.local import Options, Outcome, machine, run_plan
from .loading import environment_option, json_option, parameter_options, plan, store_option
from .progress import observer
from .talk import duration, print_json, shown, table, task_rows

if TYPE_CHECKING:
    from ..targets.local.containers import Containers
    from .reproduce import Told


@click.command()
@click.argument("workflow", type=click.Path())
@environment_option()
@parameter_options
@store_option
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 1024), help="Most tasks at one time. Default: as many as fit this machine."
)
@click.option("--only", metavar="TASK", help="Run this task alone; those before it must be cached.")
@click.option(
    "--from", "start", metavar="TASK", help="Run this task and those after it; those before it must be cached."
)
@click.option("--until", metavar="TASK", help="Run up to this task.")
@click.option("--force", multiple=True, metavar="TASK", help="Run this task although it is cached; may be repeated.")
@click.option("--containers", is_flag=True, help="Run each task in a container of its step's image.")
@click.option("--tool", type=click.Choice(["podman", "docker"]), help="What runs containers. Default: the first here.")
@click.option("--verify-determinism", is_flag=True, help="Do each task that ran once more, and compare the outputs.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but failures.")
@json_option
def command(
    workflow: str,
    environment: str,
    parameters: tuple[str, ...],
    params: str | None,
    store: str | None,
    jobs: int | None,
    only: str | None,
    start: str | None,
    until: str | None,
    force: tuple[str, ...],
    containers: bool,
    tool: str | None,
    verify_determinism: bool,
    quiet: bool,
    form: str,
) -> int:
    """Run a workflow on this machine. What is in the cache does not run again; run the same command to resume."""
    planned = plan(workflow, environment, parameters, params, store)
    settled = planned.plan
    assert settled is not None and planned.environment is not None
    site_name, site = next(iter(planned.environment.sites.items()))
    if site.target != "local":
        raise click.UsageError(
            f"site {site_name!r} of {settled.environment!r} is a cluster: use lighterage compile -e {environment}"
        )
    if verify_determinism and (containers or tool):
        raise click.UsageError("--verify-determinism does tasks again as processes here, so it excludes --containers")
    active, selected = _selection(settled, only, start, until)
    capacity = machine(site.capacity, jobs)
    if settled.concurrency and settled.concurrency.parallelism:
        capacity.slots = min(capacity.slots, settled.concurrency.parallelism)
    options = Options(
        base=Path(workflow).absolute().parent,
        capacity=capacity,
        force=frozenset(_known(settled, name) for name in force),
        active=active,
        selected=selected,
        containers=_containers(tool, settled, planned.environment, active) if containers or tool else None,
    )
    if settled.schedule and not quiet:
        click.echo("the schedule is a cluster's to keep; here the workflow runs once, now", err=True)
    opened = open_store(settled.store, forks=True)
    gc.freeze()
    gc.enable()  # a run may be long
    watching = observer(quiet or form == "json")
    try:
        outcome = run_plan(settled, opened, options, watching)
    except BadInput as error:
        raise click.UsageError(f"{error}; run it again") from None
    if outcome.signal == signal.SIGHUP:
        watching.hang_up()
    places = _export(settled, opened, outcome) if outcome.record.status == "succeeded" else {}
    succeeded = outcome.record.status == "succeeded"
    told = _twice(settled, outcome, opened, options.base, jobs) if verify_determinism and succeeded else None
    if form == "json":
        print_json(_as_json(outcome, opened) | ({"determinism": told.as_json(outcome.record.run)} if told else {}))
    elif not quiet:
        _show(outcome, places)
        if told:
            told.show(outcome.record.run)
    if signalled := outcome.signal or (told and told.signal):
        return 128 + signalled
    return 0 if succeeded and (told is None or told.equal) else 1


def _twice(settled: Plan, outcome: Outcome, store: Store, base: Path, jobs: int | None) -> Told:
    from .reproduce import twice

    return twice(settled, outcome.tasks, store, base, jobs)


def _containers(tool: str | None, settled: Plan, environment: Environment, active: frozenset[str] | None) -> Containers:
    from ..diagnostics import Missing
    from ..targets.local.container_tools import Unavailable
    from ..targets.local.containers import containers_for

    try:
        return containers_for(settled, active, environment.images, tool)
    except Unavailable as error:
        raise Missing(str(error)) from None


def _known(settled: Plan, name: str) -> str:
    from ..diagnostics import closest

    names = [task.name for task in settled.tasks]
    if name not in names:
        near = closest(name, names)
        raise click.UsageError(f"the workflow has no task {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    return name


def _selection(
    settled: Plan, only: str | None, start: str | None, until: str | None
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Tasks that take part, and those of them that may run; None for all."""
    if sum(one is not None for one in (only, start, until)) > 1:
        raise click.UsageError("--only, --from and --until exclude each other")
    if until:
        return _before(settled, {_known(settled, until)}), None
    if not (only or start):
        return None, None
    selected = {_known(settled, str(only or start))}
    for task in settled.tasks if start else ():
        if selected & set(task.needs):
            selected.add(task.name)
    return _before(settled, selected), frozenset(selected)


def _before(settled: Plan, names: set[str]) -> frozenset[str]:
    for task in reversed(settled.tasks):
        if task.name in names:
            names = names | set(task.needs)
    return frozenset(names)


def _export(settled: Plan, store: Store, outcome: Outcome) -> dict[str, Path]:
    """The workflow's artifact outputs as plain files and folders beside the store."""
    from ..recording.export import export_outputs

    return export_outputs(settled.workflow, outcome.record.outputs, store)


def _show(outcome: Outcome, places: dict[str, Path]) -> None:
    click.echo(table(task_rows(outcome.tasks), ("task", "status", "time", "outputs")))
    record = outcome.record
    for name, value in record.outputs.items():
        click.echo(f"{name}: {places[name] if name in places else shown(value)}")
    took = duration((record.finished or record.started) - record.started)
    said = f"stopped by {signal.Signals(outcome.signal).name}" if outcome.signal else record.status
    cached = sum(one.cached for one in outcome.tasks)
    click.echo(f"{record.run}: {said} in {took}, {cached} of {len(outcome.tasks)} cached", err=True)


def _as_json(outcome: Outcome, store: Store) -> dict[str, object]:
    from ..recording.view import record_as_json

    return {
        "run": outcome.record.run,
        "status": outcome.record.status,
        "outputs": outcome.record.outputs,
        "tasks": [record_as_json(one, store) for one in outcome.tasks],
    }
