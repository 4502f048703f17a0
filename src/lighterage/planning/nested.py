"""A workflow as a task of another: its tasks take the place of the one that uses it, under names that begin with that
one's: `prepare--split`. What it takes are its parameters, what it gives are its outputs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..schemas.contract import Port
from ..schemas.plan import Plan, PlannedStep, PlannedTask
from ..schemas.shape import Resources
from ..schemas.step import Step
from ..schemas.workflow import Task

BETWEEN = "--"
SUFFIXES = (".yaml", ".yml")
ALLOWED = {"uses", "with_", "when", "needs", "description"}
"""what a task may say that uses a workflow; the rest belongs to that one's own tasks"""

Draft = dict[str, Any]
Substitute = Callable[[str], Any]


class Nested(NamedTuple):
    """A workflow that is used as a step."""

    plan: Plan
    step: Step
    """its contract: parameters in, outputs out"""


def contract_of(name: str, parameters: Mapping[str, Port], outputs: Mapping[str, Port]) -> Step:
    """What a task sees of a workflow."""
    return Step.model_construct(
        apiVersion="lighterage/v1",
        kind="Step",
        name=name,
        version="1.0.0",
        description="A workflow",
        inputs=dict(parameters),
        outputs=dict(outputs),
        image="engine",
        resources=Resources(),
    )


def unfit_fields(task: Task) -> list[str]:
    """Fields of a task that mean nothing to a workflow."""
    return [
        type(task).model_fields[name].alias or name
        for name in type(task).model_fields
        if name in task.model_fields_set and name not in ALLOWED
    ]


def grafted(drafts: Mapping[str, Draft], nested: Mapping[str, Nested]) -> dict[str, Draft]:
    """The drafts with nested workflows' tasks in place of the tasks that use them; ``nested`` by those tasks' names."""
    given = {name: _outputs(name, one.plan) for name, one in nested.items()}
    result: dict[str, Draft] = {}
    for name, draft in drafts.items():
        new = _renamed(draft, lambda reference: _inner(reference, given))
        new["needs"] = _needs(draft["needs"], nested)
        if name in nested:
            result |= _tasks(name, nested[name].plan, new)
        else:
            result[name] = new
    return result


def outputs_grafted(outputs: Mapping[str, Any], nested: Mapping[str, Nested]) -> dict[str, Any]:
    """A workflow's own outputs, where they are those of a nested one."""
    given = {name: _outputs(name, one.plan) for name, one in nested.items()}
    return {name: _put(template, lambda reference: _inner(reference, given)) for name, template in outputs.items()}


def steps_of(uses: str, plan: Plan) -> dict[str, PlannedStep]:
    """A nested plan's steps, by names that mean the same seen from the workflow that uses it."""
    return {
        (key := _step_key(uses, inner)): step.model_copy(update={"uses": key}) for inner, step in plan.steps.items()
    }


def _step_key(uses: str, inner: str) -> str:
    if not inner.startswith((".", "/")):
        return inner
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(uses), inner))
    return joined if joined.startswith((".", "/")) else f"./{joined}"


def _tasks(name: str, plan: Plan, outer: Draft) -> dict[str, Draft]:
    """The tasks of a nested plan: parameters are what the outer task gives, first ones wait for what that waits for."""
    values = {f"parameters.{one}": plan.arguments.get(one) for one in plan.parameters} | {
        f"parameters.{one}": template for one, template in outer["inputs"].items()
    }

    def substitute(reference: str) -> Any:
        if reference in values:
            return values[reference]
        first, dot, rest = reference.partition(".")
        return {"$ref": f"{name}{BETWEEN}{first}{dot}{rest}"} if first in names else {"$ref": reference}

    names = {task.name for task in plan.tasks}
    result = {}
    for task in plan.tasks:
        draft = _renamed({field: getattr(task, field) for field in PlannedTask.model_fields}, substitute)
        draft["name"] = f"{name}{BETWEEN}{task.name}"
        draft["step"] = _step_key(outer["step"], task.step)
        draft["needs"] = sorted({*(f"{name}{BETWEEN}{need}" for need in task.needs), *outer["needs"]})
        if outer["when"] is not None and not task.needs:  # what follows a skipped task is skipped with it
            draft["when"] = outer["when"] if draft["when"] is None else ["and", outer["when"], draft["when"]]
        result[str(draft["name"])] = draft
    return result


def _outputs(name: str, plan: Plan) -> dict[str, Any]:
    names = {task.name for task in plan.tasks}

    def substitute(reference: str) -> Any:
        first, dot, rest = reference.partition(".")
        return {"$ref": f"{name}{BETWEEN}{first}{dot}{rest}"} if first in names else {"$ref": reference}

    return {output: _put(template, substitute) for output, template in plan.outputs.items()}


def _inner(reference: str, given: Mapping[str, Mapping[str, Any]]) -> Any:
    first, _, rest = reference.partition(".")
    return given[first][rest] if first in given else {"$ref": reference}


def _needs(needs: list[str], nested: Mapping[str, Nested]) -> list[str]:
    found: set[str] = set()
    for need in needs:
        found |= {f"{need}{BETWEEN}{task.name}" for task in nested[need].plan.tasks} if need in nested else {need}
    return sorted(found)


def _renamed(draft: Draft, substitute: Substitute) -> Draft:
    new = draft | {field: _put(draft[field], substitute) for field in ("inputs", "when", "for_each")}
    if repeat := draft["repeat"]:
        moved = {"start": _put(repeat.start, substitute), "until": _put(repeat.until, substitute)}
        new["repeat"] = repeat.model_copy(update=moved)
    return new


def _put(template: Any, substitute: Substitute) -> Any:
    """The template with each reference replaced."""
    if isinstance(template, dict):
        if "$ref" in template:
            return substitute(template["$ref"])
        return {name: _put(part, substitute) for name, part in template.items()}
    return [_put(part, substitute) for part in template] if isinstance(template, list) else template
