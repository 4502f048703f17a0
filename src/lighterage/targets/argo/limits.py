"""What Argo or this target refuses, found before a manifest is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...diagnostics import Diagnostic
from ...schemas.environment import Environment, Site
from ...schemas.image import parse_image
from ...schemas.plan import Plan, PlannedTask, canonical
from ...schemas.variables import is_secret
from .dag import TASKS_PER_DAG
from .parts import OBJECT_BYTES, size_of
from .patches import problems
from .rounds import MOST_ROUNDS

TEMPLATES = 200
"""most templates of one object (maxItems of the CRDs)"""
NAME = 63
CRON_NAME = 52
_SUFFIX = len("-0123456789")
_REMOTE = ("s3://", "gs://", "az://", "abfs://")


def plan_mistakes(plan: Plan, environment: Environment, form: str) -> Iterator[Diagnostic]:
    """What the target cannot honour."""
    if form == "cron" and plan.schedule is None:
        message = "the workflow has no schedule, which a CronWorkflow is made of"
        yield _mistake("L504", ("name",), None, message, 'add schedule: {cron: ["0 6 * * 1"]}')
    if form == "cron" and len(plan.workflow) > CRON_NAME:
        message = f"the name is {len(plan.workflow)} characters long, and a CronWorkflow's has at most {CRON_NAME}"
        yield _mistake("L601", ("name",), plan.workflow, message)
    if len(plan.workflow) > NAME - _SUFFIX:
        yield _mistake(
            "L601",
            ("name",),
            plan.workflow,
            f"the name is {len(plan.workflow)} characters long; with its digest it must fit in {NAME}",
            f"at most {NAME - _SUFFIX} characters",
        )
    yield from _unreachable(plan, next(iter(environment.sites.values())))
    if is_secret(plan.store):
        message = "the store's URL holds a password, which everybody who sees the manifest would know"
        yield _mistake("L503", ("store", "url"), None, message, "name a Kubernetes Secret in env of the site")
    for name, value in plan.arguments.items():
        if "{{" in (value if isinstance(value, str) else canonical(value)):
            message = f"the value of parameter {name!r} contains '{{{{', which Argo would take for a template"
            yield _mistake("L504", ("parameters", name), None, message)
    for name in plan.parameters:
        if name == "json":
            message = "Argo means all parameters together by workflow.parameters.json: call this one otherwise"
            yield _mistake("L504", ("parameters", name), None, message)
        if plan.arguments.get(name) is None:
            message = f"parameter {name!r} has no value, and Argo starts no workflow without one"
            yield _mistake("L504", ("parameters", name), None, message, "give it a default, or compile with -p")
    yield from _lists(plan)
    for task in plan.tasks:
        if task.repeat and task.repeat.times > MOST_ROUNDS:
            message = f"Argo nests templates 100 deep, which is enough for {MOST_ROUNDS} rounds"
            yield _mistake("L504", ("tasks", task.name, "repeat", "times"), str(task.repeat.times), message)
        if task.retry and task.retry.factor % 1:
            yield _mistake(
                "L504",
                ("tasks", task.name, "retry", "factor"),
                str(task.retry.factor),
                "Argo grows the wait between attempts by whole factors only",
                f"factor: {round(task.retry.factor)}",
            )
        for path, message in problems(task.argo) if task.argo else ():
            yield _mistake("L504", ("tasks", task.name, "argo", *path), None, message)
    yield from _templated(plan, environment)
    if environment.security.require_digest:
        yield from _not_pinned(plan, environment)


def _unreachable(plan: Plan, site: Site) -> Iterator[Diagnostic]:
    """A store that pods cannot share."""
    remote, path = plan.store.startswith(_REMOTE), ("store", "url")
    if not remote and site.store_claim is None:
        message = "pods on different nodes cannot share this store"
        yield _mistake("L503", path, plan.store, message, "a bucket: s3://…, gs://…; or a folder with a store_claim")
    elif remote and site.store_claim:
        yield _mistake("L503", path, plan.store, "the site's store_claim holds a folder, and this store is none")
    elif not remote and not plan.store.startswith("/"):
        yield _mistake("L503", path, plan.store, "a folder in pods is named by its whole path, such as /store")


def _lists(plan: Plan) -> Iterator[Diagnostic]:
    """Lists whose length Argo cannot know when it makes the tasks."""
    many = {task.name for task in plan.tasks if task.for_each is not None or task.repeat or task.approve}
    sharded = len(plan.tasks) > TASKS_PER_DAG
    for task in plan.tasks:
        if task.for_each is None or task.for_each["$ref"].startswith("parameters."):
            continue
        source = task.for_each["$ref"].partition(".")[0]
        path = ("tasks", task.name, "for_each")
        if source in many:
            message = f"{source!r} is made of several parts, and Argo cannot count what such tasks give"
            yield _mistake("L504", path, None, message, "let a task gather it into one list first")
        elif sharded:
            message = (
                f"a workflow of more than {TASKS_PER_DAG} tasks is cut into parts, and Argo cannot count across them"
            )
            yield _mistake("L504", path, None, message, "take the list from a parameter, or use a matrix")


def _not_pinned(plan: Plan, environment: Environment) -> Iterator[Diagnostic]:
    """Images by tag alone, each once: where the environment names it, or where a task uses the step that does."""
    places: dict[str, tuple[str | int, ...]] = {}
    users: list[tuple[tuple[str | int, ...], PlannedTask]] = [(("tasks", task.name), task) for task in plan.tasks]
    users += [(("on_exit", number), task) for number, task in enumerate(plan.on_exit)]
    for path, task in users:
        runtime = plan.steps[task.step].image
        named = runtime in environment.images
        image = environment.images[runtime] if named else runtime
        places.setdefault(image, ("images", runtime) if named else (*path, "uses"))
    for image, place in places.items():
        if parse_image(image).digest is None:
            message = f"the image {image} is named by a tag, which may stand for another image tomorrow"
            hint = f"lighterage lock -e {environment.name} finds the digest and writes it there"
            yield _mistake("L505", place, image, message, hint)


def _templated(plan: Plan, environment: Environment) -> Iterator[Diagnostic]:
    """Text that reaches a manifest as it is. Argo's templating goes over all of it, descriptions too."""
    name, site = next(iter(environment.sites.items()))
    places: dict[tuple[str | int, ...], Any] = {
        ("store", "url"): plan.store,
        **{("parameters", one): [port.description, port.enum] for one, port in plan.parameters.items()},
        **{("sites", name, "pools", one): pool.model_dump(mode="json") for one, pool in site.pools.items()},
        **{("tasks", task.name, "argo"): task.argo for task in plan.tasks},
        **{("sites", name, "env", one): value for one, value in site.env.items() if isinstance(value, str)},
    }
    for path, value in places.items():
        if "{{" in canonical(value):
            message = f"{'.'.join(map(str, path))} contains '{{{{', which Argo would take for a template"
            yield _mistake("L504", path, None, message)


def object_mistakes(spec: dict[str, Any]) -> Iterator[Diagnostic]:
    """What is too large for the cluster."""
    templates = len(spec["templates"])
    if templates > TEMPLATES:
        yield _mistake(
            "L602",
            ("tasks",),
            None,
            f"the manifest needs {templates} templates, and Argo allows {TEMPLATES}",
            "tasks that share step, resources, retry and timeout share a template",
        )
    size = size_of(spec)
    if size > OBJECT_BYTES:
        yield _mistake(
            "L602",
            ("tasks",),
            None,
            f"the manifest is {size:,} bytes, and a cluster takes {OBJECT_BYTES:,}",
            "a matrix costs no more than one task",
        )


def _mistake(
    code: str, path: tuple[str | int, ...], found: str | None, message: str, hint: str | None = None
) -> Diagnostic:
    """``file`` names the document: the place in it is looked up by who has read it."""
    file = "environment" if path[0] in ("store", "images", "sites") else "workflow"
    return Diagnostic(code=code, message=message, file=file, path=path, found=found, hint=hint)
