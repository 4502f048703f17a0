"""What follows a run, however it ended: Argo's exit handler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...schemas.plan import Plan, PlannedTask
from .arguments import task_json

if TYPE_CHECKING:
    from hera.workflows import models

ON_EXIT = "on-exit"


def exit_templates(plan: Plan, pods: Mapping[str, str]) -> list[models.Template]:
    """One DAG without order, or nothing. ``pods`` has the template of each task."""
    from .hera_models import models as m

    if not plan.on_exit:
        return []
    tasks = [
        m.DAGTask(
            name=task.name,
            template=pods[task.name],
            when=_condition(task),
            arguments=m.Arguments(parameters=[m.Parameter(name="task", value=task_json(task))]),
        )
        for task in plan.on_exit
    ]
    return [m.Template(name=ON_EXIT, dag=m.DAGTemplate(tasks=tasks, fail_fast=False))]


def _condition(task: PlannedTask) -> str | None:
    """Argo has other words for how a run ended, and more of them; only success is one word."""
    if task.when is None:
        return None
    sign, _, _ = task.when
    return f"{{{{= workflow.status {sign} 'Succeeded' }}}}"
