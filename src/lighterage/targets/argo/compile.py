"""From a plan to the texts of its manifests: pure, and the same bytes every time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...diagnostics import Mistakes
from ...schemas.environment import Environment
from ...schemas.plan import Plan, digest_of
from .dag import Graph
from .documents import rights, workflow, workflow_template
from .limits import object_mistakes, plan_mistakes
from .pods import PodClass, pod_class, pod_template
from .writer import write_yaml

if TYPE_CHECKING:
    from hera.workflows import models


def compile_plan(plan: Plan, environment: Environment) -> dict[str, str]:
    """File name -> YAML text: `rbac.yaml` and `<workflow>.template.yaml` to apply, `<workflow>.yaml` to submit.

    Raises Mistakes for what the cluster would refuse or this target cannot honour.
    """
    mistakes = list(plan_mistakes(plan, environment))
    if mistakes:
        raise Mistakes(mistakes)
    site = next(iter(environment.sites.values()))
    pods, names = _pods(plan, environment)
    template = workflow_template(plan, site, [*Graph(plan, names).templates(), *pods])
    mistakes = list(object_mistakes(template))
    if mistakes:
        raise Mistakes(mistakes)
    return {
        "rbac.yaml": write_yaml(*rights(site)),
        f"{plan.workflow}.template.yaml": write_yaml(template),
        f"{plan.workflow}.yaml": write_yaml(workflow(plan, site, template["metadata"]["name"])),
    }


def _pods(plan: Plan, environment: Environment) -> tuple[list[models.Template], dict[str, str]]:
    """A template for each class of pods, and each task's."""
    made: dict[PodClass, models.Template] = {}
    names: dict[str, str] = {}
    for task in plan.tasks:
        kind = pod_class(task)
        if kind not in made:
            made[kind] = pod_template(_name(plan.steps[task.step].name, kind), task, plan, environment)
        name = made[kind].name
        assert name is not None
        names[task.name] = name
    return list(made.values()), names


def _name(step: str, kind: PodClass) -> str:
    """Argo builds pod names from it: ``train-keras-1f3a09c2``."""
    word = re.sub(r"[^a-z0-9]+", "-", step.lower()).strip("-")[:40]
    return f"{word}-{digest_of(list(kind)).removeprefix('sha256:')[:8]}"
