"""A run's tasks once more: each with the inputs that it had then, without the cache, its outputs held against the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..launching.code import package_folder
from ..launching.ingredients import differences, ingredients
from ..launching.inputs import Absent, carried, lookup_in, resolve_inputs, with_known
from ..schemas import BadInput
from ..schemas.plan import Plan, PlannedStep, PlannedTask, canonical
from ..schemas.record import ArtifactRef, TaskRecord
from ..schemas.tree import code_digest
from ..storing import MissingObject, Store
from .view import is_artifact


class Redone(NamedTuple):
    """One instance to do again."""

    then: TaskRecord
    task: PlannedTask
    """a task of its own, its inputs as they were"""
    inputs: dict[str, Any]

    @property
    def label(self) -> str:
        return f"{self.then.task}[{self.then.index}]" if self.then.matrix or self.then.index else self.then.task


class Comparison(NamedTuple):
    """One output, then and now; what it is told by is a digest, or a value as JSON."""

    label: str
    output: str
    then: str
    now: str | None
    """None where there is none"""
    measured: bool = False
    """figures such as times, which are there or not there, and never compared"""

    @property
    def equal(self) -> bool:
        return self.now is not None if self.measured else self.then == self.now


class Apart(Store):
    """Gives what one store holds and keeps what is new in another."""

    def __init__(self, inputs: Store, outputs: Store) -> None:
        super().__init__(outputs.backend)
        self._inputs = inputs

    def fetch(self, ref: ArtifactRef, destination: Path) -> None:
        self._inputs.fetch(ref, destination)

    def open(self, ref: ArtifactRef) -> BinaryIO:
        return self._inputs.open(ref)

    def uri(self, ref: ArtifactRef) -> str:
        return self._inputs.uri(ref)


def redone(plan: Plan, records: Iterable[TaskRecord], only: str | None = None) -> Iterator[Redone]:
    """What can be done again: instances that succeeded, but for a person's answers and for what followed the run.

    Raises BadInput where records are lacking.
    """
    known: dict[str, list[TaskRecord]] = {}
    for record in records:
        known.setdefault(record.task, []).append(record)
    for task in plan.tasks:
        if task.approve or only not in (None, task.name):
            continue
        before: TaskRecord | None = None
        for record in sorted(known.get(task.name, ()), key=lambda one: one.index):
            if record.status == "succeeded":
                inputs = _inputs(plan, task, record, before, known)
                yield Redone(record, _alone(task, record, inputs), inputs)
            before = record


def _inputs(
    plan: Plan, task: PlannedTask, record: TaskRecord, before: TaskRecord | None, known: Mapping[str, list[TaskRecord]]
) -> dict[str, Any]:
    """What an instance was given, by the records of those before it."""
    step = plan.steps[task.step]
    facts: dict[str, Any] = {"parameters": plan.arguments, "matrix": record.matrix, "item": record.matrix.get("item")}
    lookup = lookup_in(
        lambda name: sorted(known.get(name, ()), key=lambda one: one.index), lambda name: plan.task(name).many, **facts
    )
    try:
        lookup = with_known(lookup, "carried", carried(task, lookup, before)) if task.repeat else lookup
        return resolve_inputs(task, lambda name: step.inputs[name].optional, lookup)
    except Absent as absent:
        raise BadInput(f"{absent}, which {record.label} was given, is not among the run's records") from None


def _alone(task: PlannedTask, record: TaskRecord, inputs: dict[str, Any]) -> PlannedTask:
    return task.model_copy(
        update={
            "name": f"{task.name}.{record.index}",
            "inputs": inputs,
            "needs": [],
            "matrix": None,
            "for_each": None,
            "repeat": None,
            "when": None,
            "cache": False,
            "retry": None,
        }
    )


class OtherCode(Exception):
    """The code that a step had then is not to be found; ``folder`` has what there is in its place, if anything."""

    def __init__(self, message: str, folder: Path | None) -> None:
        super().__init__(message)
        self.folder = folder


def with_code_of_then(step: PlannedStep, base: Path, store: Store, workspace: Path) -> PlannedStep:
    """The step with a folder that holds its code as it was: where it is written, or out of the store. Raises OtherCode."""
    if not step.needs_code:
        return step
    folder = base / step.uses if step.own else package_folder(step)
    there = folder if folder.is_dir() else None
    if there and code_digest(there) == step.code:
        return step.model_copy(update={"folder": there})
    if step.own:
        place = workspace / step.code.removeprefix("sha256:")
        try:
            if not place.exists():
                store.fetch(ArtifactRef(type="folder", digest=step.code, size=0, tree=True), place)
            return step.model_copy(update={"folder": place})
        except MissingObject:
            pass
    where = f"{folder} holds other code" if there else f"{folder} is not there"
    store_too = ", and it is not in the store" if step.own else "; install the version that the run had"
    raise OtherCode(f"the code of {step.uses} is not what it was: {where}{store_too}", there)


def plan_of(plan: Plan, again: Iterable[Redone], steps: Mapping[str, PlannedStep]) -> Plan:
    """The plan that does these instances again, none of which waits for another."""
    return plan.model_copy(
        update={
            "tasks": [one.task for one in again],
            "steps": dict(steps),
            "on_exit": [],
            "outputs": {},
            "concurrency": None,
        }
    )


def changes(one: Redone, step: PlannedStep, base: Path) -> list[str]:
    """What is not the same as then and may be why another result comes. Raises BadInput for data that is gone."""
    return list(differences(ingredients(step, one.inputs, base), one.then.ingredients))


def compare(one: Redone, now: TaskRecord | None, step: PlannedStep) -> Iterator[Comparison]:
    """Every recorded output against what it is now."""
    for name, value in sorted(one.then.outputs.items()):
        found = now.outputs.get(name) if now else None
        measured = step.outputs[name].measured
        yield Comparison(one.label, name, _told(value), None if found is None else _told(found), measured)


def _told(value: Any) -> str:
    return str(value["digest"]) if is_artifact(value) else canonical(value)
