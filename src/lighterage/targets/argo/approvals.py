"""Tasks that wait for a person: a suspended node takes the answer, a pod keeps it in the store like any other result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...launching.pod import APPROVED, NO, YES
from ...schemas.contract import Port
from ...schemas.plan import Plan, PlannedTask, canonical, digest_of

if TYPE_CHECKING:
    from hera.workflows import models

ANSWER = "answer-"
"""what the names of a pod's inputs begin with that hold an answer, as base64"""


def answers_of(task: PlannedTask, plan: Plan) -> list[str]:
    """Names of what a person is asked, yes or no the first."""
    return [APPROVED, *plan.steps[task.step].outputs]


def asking_name(task: PlannedTask, pod: str) -> str:
    """Name of the template that asks; tasks that ask the same share it."""
    assert task.approve is not None
    return f"{pod}-{digest_of(task.approve.model_dump(mode='json')).removeprefix('sha256:')[:8]}"


def asking_templates(plan: Plan, pods: Mapping[str, str]) -> list[models.Template]:
    """Two templates for each question: one that waits, one that waits and then keeps the answer."""
    from .hera_models import models as m

    made: dict[str, models.Template] = {}
    for task in plan.tasks:
        if task.approve is None:
            continue
        name = asking_name(task, pods[task.name])
        answers = answers_of(task, plan)
        # A person may type anything, and Argo would go over it as a template on its way: so it goes as base64.
        said = [
            m.Parameter(name=f"{ANSWER}{one}", value=f"{{{{=sprig.b64enc(tasks.wait.outputs.parameters.{one})}}}}")
            for one in answers
        ]
        passed = [m.Parameter(name=one, value=f"{{{{inputs.parameters.{one}}}}}") for one in ("task", "fan-in")]
        made[name] = m.Template(
            name=name,
            inputs=m.Inputs(parameters=[m.Parameter(name="task"), m.Parameter(name="fan-in", value="{}")]),
            dag=m.DAGTemplate(
                tasks=[
                    m.DAGTask(name="wait", template=f"{name}-wait"),
                    m.DAGTask(
                        name="keep",
                        template=pods[task.name],
                        depends="wait.Succeeded",
                        arguments=m.Arguments(parameters=[*passed, *said]),
                    ),
                ],
                fail_fast=False,
            ),
        )
        made[f"{name}-wait"] = _waiting(f"{name}-wait", task, plan.steps[task.step].outputs)
    return list(made.values())


def _waiting(name: str, task: PlannedTask, ports: Mapping[str, Port]) -> models.Template:
    """Argo shows its inputs as a form. Resumed without an answer, or after its time, it takes their defaults."""
    from .hera_models import models as m

    approval = task.approve
    assert approval is not None
    # Without a time limit nobody can be silent: who resumes it without a word means yes.
    silence = YES if approval.timeout is None or approval.otherwise == "approve" else NO
    asked = [m.Parameter(name=APPROVED, value=silence, enum=[YES, NO], description=approval.message)]
    for one, port in ports.items():
        value = _text(port.default) if port.has_default else ""
        asked.append(m.Parameter(name=one, value=value, description=port.description or None))
    return m.Template(
        name=name,
        inputs=m.Inputs(parameters=asked),
        outputs=m.Outputs(
            parameters=[
                m.Parameter(name=one.name, value_from=m.ValueFrom(supplied=m.SuppliedValueFrom(), default=one.value))
                for one in asked
            ]
        ),
        suspend=m.SuspendTemplate(duration=str(math.ceil(approval.timeout)) if approval.timeout else None),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)
