"""`lighterage approve RUN TASK`"""

from __future__ import annotations

from typing import Any

import click

from ..launching.approval import outcome
from ..launching.pod import APPROVED, NO, YES
from ..schemas import BadInput
from ..schemas.contract import Port, typed
from ..schemas.plan import PlannedTask, canonical
from ..schemas.record import RunRecord
from .argo import Argo, on_cluster, workflow_of
from .clusters import argo_of
from .stores import store_options, the_run, the_store


@click.command()
@click.argument("run")
@click.argument("task")
@click.option("-p", "values", multiple=True, metavar="NAME=VALUE", help="What the task asks for; may be repeated.")
@click.option("--reject", is_flag=True, help="Say no.")
@store_options
def command(
    run: str, task: str, values: tuple[str, ...], reject: bool, environment: str | None, store: str | None
) -> None:
    """Answer a task that waits for a person, with yes unless you say --reject."""
    opened = the_store(environment, store)
    record = the_run(opened, run)
    plan = opened.read_plan(record.run)
    asking = [one for one in plan.tasks if one.approve] if plan else []
    found = next((one for one in asking if one.name == task), None)
    if plan is None or found is None:
        there = f"; these do: {', '.join(one.name for one in asking)}" if asking else ""
        raise click.UsageError(f"{record.run} has no task {task!r} that asks{there}")
    ports = plan.steps[found.step].outputs
    given = dict(value.partition("=")[::2] for value in values)
    answer = {
        "approved": not reject,
        "values": {name: typed(ports[name], text) if name in ports else text for name, text in given.items()},
    }
    try:
        assert found.approve is not None
        outcome(found.approve, ports, answer)
    except BadInput as error:
        raise click.UsageError(str(error)) from None
    if record.status != "running" or opened.read_record(record.run, task) is not None:
        raise click.UsageError(f"{task} of {record.run} does not wait any more")
    if on_cluster(record):
        _tell_argo(argo_of(record, environment), record, found, ports, answer)
    elif not opened.write_answer(record.run, task, answer):
        raise click.UsageError(f"{task} of {record.run} was answered before")


def _tell_argo(argo: Argo, run: RunRecord, task: PlannedTask, ports: dict[str, Port], answer: dict[str, Any]) -> None:
    """Gives the waiting node its answer, and lets it go on. All of it is said: Argo fills in nothing then."""
    from ..targets.argo.nodes import instances

    workflow = argo.workflow(run)
    waiting = [one for one in instances(workflow or {}) if one.task == task.name and one.state == "asking"]
    if not waiting:
        raise click.UsageError(f"{task.name} of {run.run} does not wait now")
    values = {name: port.default if port.has_default else "" for name, port in ports.items()} | answer["values"]
    said = {APPROVED: YES if answer["approved"] else NO} | {
        name: value if isinstance(value, str) else canonical(value) for name, value in values.items()
    }
    node = ["--node-field-selector", f"id={waiting[0].node}"]
    name = workflow_of(run)[0]
    argo.argo("node", "set", name, *node, *(f"--output-parameter={one}={text}" for one, text in said.items()))
    argo.argo("resume", name, *node)
