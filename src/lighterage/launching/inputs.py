"""From a task's templates to its inputs: values of parameters and matrix, outputs of the tasks before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..schemas.plan import PlannedTask
from ..schemas.record import TaskRecord
from ..schemas.template import Lookup, evaluate, is_reference, resolve


class Absent(Exception):
    """A reference to an output that does not exist: its task failed or was skipped, or its step left the output out."""


def lookup_in(
    records: Callable[[str], Sequence[TaskRecord]],
    many: Callable[[str], bool],
    parameters: dict[str, Any],
    matrix: dict[str, Any],
    run: dict[str, Any] | None = None,
) -> Lookup:
    """Values by reference. ``records`` gives a task's records in the order of its instances; ``many`` says whether
    a reference to it is a list of what exists; ``matrix`` sets an instance apart, by its axes or its item;
    ``run`` holds the facts about a run that has ended."""

    def lookup(name: str) -> Any:
        first, _, rest = name.partition(".")
        if first == "parameters":
            return _there(parameters, rest, name)
        if first == "matrix":
            return _there(matrix, rest, name)
        if first == "run":
            return _there(run, rest, name)
        if first == "item":
            return _there(matrix["item"], rest, name) if rest else matrix["item"]
        outputs = [record.outputs for record in records(first)]
        if many(first):
            return [one[rest] for one in outputs if rest in one]
        return _there(outputs[0] if outputs else {}, rest, name)

    return lookup


def _there(values: Any, name: str, reference: str) -> Any:
    if not isinstance(values, dict) or name not in values:
        raise Absent(reference)
    return values[name]


def resolve_inputs(task: PlannedTask, optional: Callable[[str], bool], lookup: Lookup) -> dict[str, Any]:
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


def wanted(task: PlannedTask, lookup: Lookup) -> bool:
    """Whether the task's condition holds. Raises Absent."""
    return task.when is None or bool(evaluate(task.when, lookup))
