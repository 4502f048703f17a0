"""From a plan to the texts of its manifests: pure, and the same bytes every time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from ...diagnostics import Mistakes
from ...schemas.environment import Environment
from ...schemas.plan import Plan, digest_of
from .approvals import asking_templates
from .dag import Graph
from .documents import labels, reference_to, rights, workflow, workflow_spec, workflow_template
from .exits import exit_templates
from .limits import object_mistakes, plan_mistakes
from .parts import split
from .patches import patched
from .pods import PodClass, pod_class, pod_template
from .rounds import rounds_templates
from .timing import cron_workflow, semaphore_limit
from .writer import write_yaml

if TYPE_CHECKING:
    from hera.workflows import models


Form = Literal["workflow", "template", "cron"]

_SAID_THERE = """\
  # checkov:skip=CKV_ARGO_1:the WorkflowTemplate names the service account
  # checkov:skip=CKV_ARGO_2:the WorkflowTemplate says runAsNonRoot
"""


def compile_plan(plan: Plan, environment: Environment, form: Form = "template") -> dict[str, str]:
    """File name -> YAML text.

    ``template``: `rbac.yaml` and `<workflow>.template.yaml` to apply, with its parts where it is too large for one
    object, `<workflow>.yaml` to submit. ``workflow``: one
    object with everything in it to submit. ``cron``: a CronWorkflow to apply, instead of something to submit.
    Raises Mistakes for what the cluster would refuse or this target cannot honour.
    """
    mistakes = list(plan_mistakes(plan, environment, form))
    if mistakes:
        raise Mistakes(mistakes)
    site = next(iter(environment.sites.values()))
    pods, names = _pods(plan, environment)
    templates = [
        *Graph(plan, names).templates(),
        *exit_templates(plan, names),
        *asking_templates(plan, names),
        *rounds_templates(plan, names),
        *pods,
    ]
    parts: list[dict[str, Any]] = []
    if form != "workflow":
        templates, parts = split(plan, site, templates, labels(plan))
    spec = workflow_spec(plan, site, templates)
    mistakes = [one for each in (spec, *(part["spec"] for part in parts)) for one in object_mistakes(each)]
    if mistakes:
        raise Mistakes(mistakes)
    semaphore = plan.concurrency.semaphore if plan.concurrency else None
    before = [*rights(site), *([semaphore_limit(semaphore, site)] if semaphore else [])]
    files = {"rbac.yaml": write_yaml(*before)}
    if form == "workflow":
        return files | {f"{plan.workflow}.yaml": write_yaml(workflow(plan, site, spec))}
    template = workflow_template(plan, site, spec)
    files[f"{plan.workflow}.template.yaml"] = write_yaml(template)
    for number, part in enumerate(parts, 1):
        files[f"{plan.workflow}.part-{number}.yaml"] = write_yaml(part)
    short = reference_to(plan, template["metadata"]["name"])
    if form == "cron":
        cron = cron_workflow(plan, site, short, labels(plan))
        return files | {f"{plan.workflow}.cron.yaml": write_yaml(cron)}
    return files | {f"{plan.workflow}.yaml": _referring(write_yaml(workflow(plan, site, short)))}


def _referring(text: str) -> str:
    """A Workflow that refers to a template, with a word to scanners about what it leaves to that. To repeat it is no
    way out: where people may submit references only (templateReferencing: Strict or Secure), Argo refuses such fields.
    """
    return text.replace("\nspec:\n", f"\nspec:\n{_SAID_THERE}", 1)


def _pods(plan: Plan, environment: Environment) -> tuple[list[models.Template], dict[str, str]]:
    """A template for each class of pods, and each task's."""
    made: dict[PodClass, models.Template] = {}
    names: dict[str, str] = {}
    for task, after in (*((one, False) for one in plan.tasks), *((one, True) for one in plan.on_exit)):
        kind = pod_class(task, after)
        if kind not in made:
            template = pod_template(_name(plan.steps[task.step].name, kind), task, plan, environment, after)
            made[kind] = patched(template, task)
        name = made[kind].name
        assert name is not None
        names[task.name] = name
    return list(made.values()), names


def _name(step: str, kind: PodClass) -> str:
    """Argo builds pod names from it: ``train-keras-1f3a09c2``."""
    word = re.sub(r"[^a-z0-9]+", "-", step.lower()).strip("-")[:40]
    return f"{word}-{digest_of(list(kind)).removeprefix('sha256:')[:8]}"
