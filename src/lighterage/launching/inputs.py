"""From a task's templates to its inputs: values of parameters and matrix, outputs of the tasks before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..schemas.plan import TaskSpec
from ..schemas.record import TaskRecord
from ..schemas.template import Lookup, evaluate, is_reference, resolve


class Absent(Exception):
    """A reference to an output that does not exist: its task failed or was skipped, or its step left the output out."""


def lookup_in(
    records: Callable[[str], Sequence[TaskRecord]],
    many: Callable[[str], bool],
    **known: Any,
) -> Lookup:
    """Values by reference. ``records`` gives a task's records in the order of its instances, of which the last counts
    unless it is ``many``: then a reference to it is a list of what exists. ``known`` are the other things to refer to:
    `parameters`, `matrix`, `item`, `carried`, `run`."""

    def lookup(name: str) -> Any:
        first, _, rest = name.partition(".")
        if first in known:
            return _there(known[first], rest, name) if rest else known[first]
        outputs = [record.outputs for record in records(first)]
        if many(first):
            return [one[rest] for one in outputs if rest in one]
        return _there(outputs[-1] if outputs else {}, rest, name)

    return lookup


def with_known(lookup: Lookup, first: str, values: dict[str, Any]) -> Lookup:
    """The same with one thing more to refer to."""

    def more(name: str) -> Any:
        what, _, rest = name.partition(".")
        return _there(values, rest, name) if what == first else lookup(name)

    return more


def _there(values: Any, name: str, reference: str) -> Any:
    if not isinstance(values, dict) or name not in values:
        raise Absent(reference)
    return values[name]


def resolve_inputs(task: TaskSpec, optional: Callable[[str], bool], lookup: Lookup) -> dict[str, Any]:
    """A task's inputs by name. An absent output that an optional input asks for is left out. Raises Absent."""
    inputs = {}
    for name, template in task.inputs.items():
        try:
            value = resolve(template, lookup)
        except Absent:
            if is_reference(template) and optional(name):
                continue
            raise
        if value is not None:
            inputs[name] = value
    return inputs


def wanted(task: TaskSpec, lookup: Lookup) -> bool:
    """Whether the task's condition holds. Raises Absent."""
    return task.when is None or bool(evaluate(task.when, lookup))


def carried(task: TaskSpec, lookup: Lookup, before: TaskRecord | None) -> dict[str, Any]:
    """What `${carried.x}` is in a round, after the record of the one ``before``. Raises Absent."""
    if task.repeat is None:
        return {}
    if before is None:
        return {name: resolve(template, lookup) for name, template in task.repeat.start.items()}
    return {name: _there(before.outputs, output, f"{task.name}.{output}") for name, output in task.repeat.carry.items()}


def another_round(task: TaskSpec, lookup: Lookup, record: TaskRecord) -> bool:
    """Whether a round follows this one, which succeeded."""
    repeat = task.repeat
    if repeat is None or record.index + 1 >= repeat.times:
        return False
    return repeat.until is None or not evaluate(repeat.until, with_known(lookup, task.name, record.outputs))
