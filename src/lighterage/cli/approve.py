"""`lighterage approve RUN TASK`"""

from __future__ import annotations

import click

from ..launching.approval import outcome
from ..schemas import BadInput
from ..schemas.contract import typed
from .stores import store_options, the_run, the_store


@click.command()
@click.argument("run")
@click.argument("task")
@click.option("-p", "values", multiple=True, metavar="NAME=VALUE", help="What the task asks for; may be repeated.")
@click.option("--reject", is_flag=True, help="Say no.")
@store_options
def command(run: str, task: str, values: tuple[str, ...], reject: bool, environment: str, store: str | None) -> None:
    """Answer a task that waits for a person, with yes unless you say --reject."""
    opened = the_store(environment, store)
    record = the_run(opened, run)
    plan = opened.read_plan(record.run)
    asking = [one for one in plan.tasks if one.approve] if plan else []
    found = next((one for one in asking if one.name == task), None)
    if plan is None or found is None or found.approve is None:
        there = f"; these do: {', '.join(one.name for one in asking)}" if asking else ""
        raise click.UsageError(f"{record.run} has no task {task!r} that asks{there}")
    ports = plan.steps[found.step].outputs
    given = dict(value.partition("=")[::2] for value in values)
    answer = {
        "approved": not reject,
        "values": {name: typed(ports[name], text) if name in ports else text for name, text in given.items()},
    }
    try:
        outcome(found.approve, ports, answer)
    except BadInput as error:
        raise click.UsageError(str(error)) from None
    if record.status != "running" or opened.read_record(record.run, task) is not None:
        raise click.UsageError(f"{task} of {record.run} does not wait any more")
    if not opened.write_answer(record.run, task, answer):
        raise click.UsageError(f"{task} of {record.run} was answered before")
