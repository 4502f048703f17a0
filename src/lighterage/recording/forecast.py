"""What a run would do: answered from the cache, run, or not known before what it waits for has run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..launching.ingredients import ingredients, key_of
from ..launching.inputs import Absent, another_round, carried, lookup_in, resolve_inputs, wanted, with_known
from ..schemas import BadInput
from ..schemas.plan import Plan, PlannedTask
from ..schemas.record import ArtifactRef, TaskRecord
from ..schemas.template import Lookup
from ..storing import Store, StoreError
from .earlier import Earlier


@dataclass(frozen=True)
class Forecast:
    """One instance's prospects."""

    task: PlannedTask
    index: int
    verdict: Literal["cached", "run", "skip", "wait"]
    """wait: its inputs are made by tasks that have to run first"""
    reason: str
    record: TaskRecord | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        return f"{self.task.name}[{self.index}]" if self.task.many or self.task.repeat else self.task.name

    def as_json(self) -> dict[str, Any]:
        return {"task": self.task.name, "index": self.index, "verdict": self.verdict, "reason": self.reason}


def forecast(plan: Plan, store: Store | None, base: Path) -> Iterator[Forecast]:
    """Prospects of every instance, in the order of the plan. Without a store nothing has run yet."""
    known: dict[str, list[Forecast]] = {}
    before = Earlier(store, plan.workflow)
    for task in plan.tasks:
        waits = [need for need in task.needs if any(one.verdict in ("run", "wait") for one in known[need])]
        skips = [need for need in task.needs if any(one.verdict == "skip" for one in known[need])]
        known[task.name] = []
        apart: list[dict[str, Any]] = [{}]
        if task.for_each is None or not (skips or waits):
            try:
                apart = task.instances(_lookup(plan, known, {}))
            except Absent as absent:
                skips = [f"{absent}, which does not exist,"]
        for index, matrix in enumerate(apart):
            if task.repeat and known[task.name] and not _goes_on(plan, task, known):
                break
            if skips:
                one = Forecast(task, index, "skip", f"{skips[0]} is skipped")
            elif waits:
                one = Forecast(task, index, "wait", f"waits for {', '.join(waits)}")
            else:
                one = _one(plan, store, base, task, index, matrix, known, before)
            known[task.name].append(one)
            yield one


def _goes_on(plan: Plan, task: PlannedTask, known: dict[str, list[Forecast]]) -> bool:
    """Whether a round is to come; nobody knows after one that has yet to run."""
    last = known[task.name][-1].record
    return last is not None and another_round(task, _lookup(plan, known, {}), last)


def _lookup(plan: Plan, known: dict[str, list[Forecast]], matrix: dict[str, Any]) -> Lookup:
    return lookup_in(
        lambda name: [one.record for one in known[name] if one.record],
        lambda name: plan.task(name).many,
        parameters=plan.arguments,
        matrix=matrix,
        item=matrix.get("item"),
    )


def _one(
    plan: Plan,
    store: Store | None,
    base: Path,
    task: PlannedTask,
    index: int,
    matrix: dict[str, Any],
    known: dict[str, list[Forecast]],
    before: Earlier,
) -> Forecast:
    step = plan.steps[task.step]
    lookup = _lookup(plan, known, matrix)
    rounds = known[task.name]
    try:
        if not wanted(task, lookup):
            return Forecast(task, index, "skip", "its condition is false")
        if task.repeat:
            lookup = with_known(lookup, "carried", carried(task, lookup, rounds[-1].record if rounds else None))
        found = ingredients(step, resolve_inputs(task, lambda name: step.inputs[name].optional, lookup), base)
    except Absent as absent:
        return Forecast(task, index, "skip", f"{absent} does not exist")
    except (BadInput, StoreError) as error:
        return Forecast(task, index, "run", str(error))
    if task.approve:
        return Forecast(task, index, "run", "it asks a person")
    if not task.cache:
        return Forecast(task, index, "run", "its cache is off")
    key = key_of(found)
    action = store.find_action(key) if store else None
    if store is None or action is None:
        reason = before.why(task.name, index, found).text or "its result is gone from the store"
        return Forecast(task, index, "run", reason)
    gone = [
        name
        for name, value in action["outputs"].items()
        if step.outputs[name].is_artifact and not store.has(ArtifactRef.model_validate(value))
    ]
    if gone:
        return Forecast(task, index, "run", f"its output {gone[0]!r} is damaged or gone from the store")
    record = TaskRecord(
        run=action["run"],
        task=task.name,
        index=index,
        status="succeeded",
        cached=True,
        key=key,
        outputs=action["outputs"],
    )
    return Forecast(task, index, "cached", f"done by {action['run']}", record)
