"""`repeat`: a DAG of one round and, if another follows, of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...launching.pod import AGAIN, YES
from ...schemas.plan import Plan

if TYPE_CHECKING:
    from hera.workflows import models

MOST_ROUNDS = 90
"""Argo nests templates 100 deep at most"""


def rounds_name(pod: str) -> str:
    return f"{pod}-rounds"


def rounds_templates(plan: Plan, pods: Mapping[str, str]) -> list[models.Template]:
    """A template for each kind of pod that is repeated."""
    return [_rounds(pod) for pod in dict.fromkeys(pods[task.name] for task in plan.tasks if task.repeat)]


def _rounds(pod: str) -> models.Template:
    from .hera_models import models as m

    name = rounds_name(pod)
    passed = [m.Parameter(name=one, value=f"{{{{inputs.parameters.{one}}}}}") for one in ("task", "fan-in")]
    here = m.Parameter(name="index", value="{{inputs.parameters.index}}")
    further = m.Parameter(name="index", value="{{=string(asInt(inputs.parameters.index) + 1)}}")
    return m.Template(
        name=name,
        inputs=m.Inputs(
            parameters=[
                m.Parameter(name="task"),
                m.Parameter(name="fan-in", value="{}"),
                m.Parameter(name="index", value="0"),
            ]
        ),
        dag=m.DAGTemplate(
            tasks=[
                m.DAGTask(name="round", template=pod, arguments=m.Arguments(parameters=[*passed, here])),
                m.DAGTask(
                    name="further",
                    template=name,
                    depends="round.Succeeded",
                    when=f"{{{{= tasks.round.outputs.parameters['{AGAIN}'] == '{YES}' }}}}",
                    arguments=m.Arguments(parameters=[*passed, further]),
                ),
            ],
            fail_fast=False,
        ),
    )
