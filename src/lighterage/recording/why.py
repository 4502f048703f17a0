"""Why a task of a run ended as it did: run again, answered by the cache, skipped, left out, failed."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..launching.inputs import Absent, lookup_in, resolve_inputs, wanted
from ..schemas.plan import Plan, PlannedTask, canonical
from ..schemas.record import RunRecord, TaskRecord
from ..schemas.template import Lookup, reference, references, resolve
from ..storing import Store
from .earlier import Earlier


class Why(NamedTuple):
    """The reason, and the run that it names."""

    status: str
    """as in the record, or `cached`"""
    reason: str
    run: str | None = None
    """the earlier run that did the work, or that this one is held against"""


def why(store: Store, run: RunRecord, record: TaskRecord) -> Why:
    """Why one instance of a run ended as its record says."""
    plan = store.read_plan(run.run)
    task = next((one for one in (*plan.tasks, *plan.on_exit) if one.name == record.task), None) if plan else None
    match record.status:
        case "succeeded" if record.cached:
            return Why("cached", f"the same had been done by {record.from_run}", record.from_run)
        case "succeeded" if record.not_kept:
            ran = _ran(store, run, record, task)
            return ran._replace(reason=f"{ran.reason}; {record.not_kept}, so that the result answers no other run")
        case "succeeded":
            return _ran(store, run, record, task)
        case "failed":
            return _failed(store, run, record)
        case "cancelled":
            return Why("cancelled", "the run was stopped before it was done")
    if plan is None or task is None:
        return Why(record.status, _UNKNOWN[record.status])
    return Why(record.status, _not_run(store, run, plan, task, record))


_UNKNOWN = {
    "skipped": "its condition was false, or one before it was skipped",
    "omitted": "one before it failed",
}
"""of runs whose plan is not known"""
_NOTHING = "nothing changed: it was forced to run, or its result was too old, damaged or gone"


def _ran(store: Store, run: RunRecord, record: TaskRecord, task: PlannedTask | None) -> Why:
    if task is not None and task.approve:
        return Why("succeeded", "a person answered it, or nobody in time")
    if task is not None and not task.cache:
        return Why("succeeded", "its cache is off")
    reason = Earlier(store, run.workflow, run).why(record.task, record.index, record.ingredients)
    if reason.run is None:
        return Why("succeeded", "no earlier run had done it")
    return Why("succeeded", reason.text or _NOTHING, reason.run)


def _failed(store: Store, run: RunRecord, record: TaskRecord) -> Why:
    """What it failed of, and what is not as it was when it last succeeded."""
    said = record.failure.message if record.failure else "nobody knows of what"
    if not record.ingredients:
        return Why("failed", said)
    reason = Earlier(store, run.workflow, run).why(record.task, record.index, record.ingredients)
    if reason.run is None:
        return Why("failed", said)
    return Why("failed", f"{said}; since {reason.run}: {reason.text or 'nothing changed'}", reason.run)


def _not_run(store: Store, run: RunRecord, plan: Plan, task: PlannedTask, record: TaskRecord) -> str:
    """The task before it that is to blame, its condition, or what it refers to and is not there."""
    before = {need: sorted(store.records(run.run, need), key=lambda one: one.index) for need in task.needs}
    for blamed in ("failed", "omitted", "cancelled", "skipped"):
        for need, records in before.items():
            if any(one.status == blamed for one in records) and not (
                blamed == "failed" and plan.task(need).allow_failure
            ):
                return (
                    f"{need}, which it needs, was {blamed}" if blamed != "failed" else f"{need}, which it needs, failed"
                )
    known: dict[str, Any] = {"parameters": plan.arguments, "matrix": record.matrix, "item": record.matrix.get("item")}
    known["run"] = {"id": run.run, "status": run.status, "failed": []}
    lookup = lookup_in(lambda name: before.get(name, []), lambda name: plan.task(name).many, **known)
    step = plan.steps[task.step]
    try:
        if not wanted(task, lookup):
            return f"its condition was false: {_shown(task.when, lookup)}"
        resolve_inputs(task, lambda name: step.inputs[name].optional, lookup)
    except Absent as absent:
        return f"{absent} does not exist"
    return _UNKNOWN[record.status]


def _shown(expression: Any, lookup: Lookup) -> str:
    """What an expression refers to, with its values: ``train.accuracy is 0.8``."""
    names = dict.fromkeys(references(expression))
    return ", ".join(f"{name} is {canonical(resolve(reference(name), lookup))}" for name in names) or "it always is"
