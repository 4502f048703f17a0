"""What a pod is told: its task as JSON that Argo's templating and Kubernetes pass on untouched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...schemas.contract import Port
from ...schemas.plan import Plan, PlannedStep, PlannedTask, TaskSpec, canonical
from ...schemas.template import references

OUTPUTS = "/lighterage/outputs"
WORKSPACE = "/lighterage"
COMMAND = ["python3", "-m", "lighterage.launching"]
_PLAIN = ("integer", "number", "boolean")
_MEANT_BY_KUBERNETES = re.compile(r"\$(?=[$(])")


def inert(value: Any) -> str:
    """Canonical JSON without ``{{``, which Argo replaces, and without ``$(`` and ``$$``, which Kubernetes does.

    All of them can only stand inside a string, where one character of each is written as an escape; so the JSON reads
    back as the same value.
    """
    return _MEANT_BY_KUBERNETES.sub(r"\\u0024", canonical(value).replace("{{", "{\\u007b"))


def task_json(task: PlannedTask) -> str:
    """The part of the launcher's spec that is the task's own: what it needs first is in the fan-in, the rest is the
    template's and Argo's to see to."""
    return inert(task.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=set(TaskSpec.model_fields)))


def fan_in_json(task: PlannedTask, instances: Mapping[str, int | str | None]) -> str:
    """How many instances each needed task has; null for one; `each`, or `last` of them, where a run decides."""
    return inert({name: instances[name] for name in task.needs})


def parameters_used(task: PlannedTask) -> tuple[str, ...]:
    """Workflow parameters that a task's inputs and condition refer to, sorted."""
    rounds = [task.repeat.start, task.repeat.until] if task.repeat else []
    named = set(references([task.inputs, task.when, task.for_each, rounds]))
    return tuple(sorted(name.partition(".")[2] for name in named if name.startswith("parameters.")))


def launcher_arguments(
    plan: Plan, step: PlannedStep, parameters: Iterable[str], after: bool, answers: Iterable[str]
) -> list[str]:
    """The launcher's arguments. The step stands in them once; task, fan-in and index are the template's inputs.
    A task ``after`` the run is told how that ended, one that asked a person the ``answers``.

    Every value is an argument of its own: nothing meets a shell.
    """
    parameters = list(parameters)
    ports = {name: plan.parameters[name].model_dump(mode="json", exclude_defaults=True) for name in parameters}
    spec = (
        f'{{"environment":{inert(plan.environment)},'
        '"fan_in":{{inputs.parameters.fan-in}},'
        f'"parameters":{inert(ports)},'
        f'"step":{inert(step.model_dump(mode="json", by_alias=True, exclude_defaults=True))},'
        '"task":{{inputs.parameters.task}},'
        f'"workflow":{inert(plan.workflow)}}}'
    )
    values = [part for name in parameters for part in _parameter(name, plan.parameters[name])]
    return [
        "--store",
        plan.store,
        "--run",
        "{{workflow.name}}.{{workflow.uid}}",
        "--index",
        "{{inputs.parameters.index}}",
        "--outputs",
        OUTPUTS,
        "--workspace",
        WORKSPACE,
        "--spec",
        spec,
        *values,
        *(["--ended", "{{workflow.status}}"] if after else []),
        *(part for name in answers for part in _answer(name)),
    ]


def _answer(name: str) -> tuple[str, str]:
    return "--answer", f"{name}={{{{inputs.parameters.answer-{name}}}}}"


def _parameter(name: str, port: Port) -> tuple[str, str]:
    """Its value is known when a workflow is submitted, so Argo must make text harmless: as base64."""
    place = f"workflow.parameters.{name}"
    if port.type in _PLAIN:
        return "--parameter", f"{name}={{{{{place}}}}}"
    return "--encoded-parameter", f"{name}={{{{=sprig.b64enc({place})}}}}"
