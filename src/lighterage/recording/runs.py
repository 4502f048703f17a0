"""Finds runs in a store."""

from __future__ import annotations

from ..schemas.record import RunRecord, TaskRecord
from ..storing import Store


class NoSuchRun(Exception):
    """Nothing in the store answers to that name."""


def find_run(store: Store, name: str) -> RunRecord:
    """A run by its name, the start or end of it, or `latest`. Raises NoSuchRun."""
    runs = store.runs()
    if name == "latest" and runs:
        return runs[0]
    found = [run for run in runs if run.run == name] or [
        run for run in runs if run.run.startswith(name) or run.run.endswith(name)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchRun(f"{len(found)} runs answer to {name!r}: {', '.join(run.run for run in found[:3])} …")
    raise NoSuchRun(f"there is no run {name!r} in {store.url}; lighterage runs lists them")


def records_of(store: Store, run: RunRecord) -> list[TaskRecord]:
    """Its tasks' records: in the plan's order, instances in theirs."""
    plan = store.read_plan(run.run)
    order = {task.name: number for number, task in enumerate(plan.tasks)} if plan else {}
    return sorted(
        store.records(run.run), key=lambda record: (order.get(record.task, len(order)), record.task, record.index)
    )
