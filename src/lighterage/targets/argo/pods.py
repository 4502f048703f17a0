"""The template of a pod: image, launcher, resources, retries. Tasks alike in these share one template."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ...launching.pod import AGAIN, NO
from ...schemas.environment import Environment, Site
from ...schemas.plan import Plan, PlannedResources, PlannedRetry, PlannedStep, PlannedTask, canonical
from .approvals import ANSWER, answers_of
from .arguments import OUTPUTS, launcher_arguments, parameters_used
from .containers import PROGRAM, PodContainers, is_foreign

if TYPE_CHECKING:
    from hera.workflows import models

BAD_INPUT = 64
"""exit code after which another attempt cannot help"""
USER = 8737
"""uid and gid of every container; Argo's own images use the same"""

INIT_AND_WAIT_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class PodClass(NamedTuple):
    """What decides a pod's template."""

    step: str
    parameters: tuple[str, ...]
    pool: str | None
    resources: str
    retry: str
    timeout: float | None
    argo: str
    rounds: bool
    """whether it tells if another round follows"""
    after: bool
    """whether it follows the run, and is told how that ended"""


def pod_class(task: PlannedTask, after: bool) -> PodClass:
    """The class of a task."""
    return PodClass(
        task.step,
        parameters_used(task),
        task.pool,
        canonical(task.resources.model_dump(mode="json")),
        canonical(task.retry.model_dump(mode="json")) if task.retry else "",
        task.timeout,
        canonical(task.argo),
        task.repeat is not None,
        after,
    )


def pod_template(name: str, task: PlannedTask, plan: Plan, environment: Environment, after: bool) -> models.Template:
    """The template for every task of this one's class."""
    from .hera_models import models as m

    step, site = plan.steps[task.step], environment.sites[task.site]
    pool = site.pools.get(task.pool) if task.pool else None
    containers, foreign = PodContainers(step, environment, site, plan.store), is_foreign(step, environment)
    answers = answers_of(task, plan) if task.approve else ()
    arguments = launcher_arguments(plan, step, parameters_used(task), after, answers)
    arguments += ["--code", environment.code] if step.own else []
    amounts = kubernetes_resources(task.resources, site, task.pool)
    return m.Template(
        name=name,
        inputs=m.Inputs(
            parameters=[
                m.Parameter(name="task"),
                m.Parameter(name="fan-in", value="{}"),
                m.Parameter(name="index", value="0"),
                *(m.Parameter(name=f"{ANSWER}{one}") for one in answers),
            ]
        ),
        outputs=_outputs(step, task),
        metadata=m.Metadata(labels={"app.kubernetes.io/component": _label(step.name)}),
        container=None if foreign else containers.one(arguments, amounts),
        container_set=containers.three(arguments, amounts) if foreign else None,
        node_selector=pool.node_selector if pool and pool.node_selector else None,
        tolerations=[m.Toleration.model_validate(one.model_dump(exclude_none=True)) for one in pool.tolerations]
        if pool and pool.tolerations
        else None,
        retry_strategy=_retry(task.retry) if task.retry else None,
        active_deadline_seconds=math.ceil(task.timeout) if task.timeout else None,
        pod_spec_patch=_patch(
            containers.extra_volumes() if foreign else {},
            _growth(task, PROGRAM if foreign else "main") if task.retry and task.resources.grow else {},
        ),
    )


def _outputs(step: PlannedStep, task: PlannedTask) -> models.Outputs | None:
    """Values, and the digests of artifacts, for Argo's pages and for conditions; the data itself is in the store."""
    from .hera_models import models as m

    shown = [
        m.Parameter(name=name, value_from=m.ValueFrom(path=f"{OUTPUTS}/{name}", default="")) for name in step.outputs
    ]
    # How many tasks a list makes is Argo's to know, the list itself is not.
    shown += [
        m.Parameter(name=f"{name}-count", value_from=m.ValueFrom(path=f"{OUTPUTS}/{name}-count", default="0"))
        for name, port in step.outputs.items()
        if port.type == "list"
    ]
    if task.repeat:
        shown.append(m.Parameter(name=AGAIN, value_from=m.ValueFrom(path=f"{OUTPUTS}/{AGAIN}", default=NO)))
    return m.Outputs(parameters=shown) if shown else None


def kubernetes_resources(needs: PlannedResources, site: Site, pool: str | None) -> dict[str, str]:
    """Requests, which are the limits too: a pod gets what was planned, no less and no more."""
    amounts = {"cpu": _cpu(needs.cpu), "memory": _memory(needs.memory)}
    if needs.disk is not None:
        amounts["ephemeral-storage"] = _memory(needs.disk)
    if needs.accelerator and pool in site.pools:
        amounts[site.pools[pool].accelerators[needs.accelerator.kind]] = str(needs.accelerator.count)
    return amounts


def _patch(*parts: dict[str, Any]) -> str | None:
    """What Argo merges into the pod, beside the workflow's own patch."""
    whole = {name: value for part in parts for name, value in part.items()}
    return json.dumps(whole, separators=(",", ":")) if whole else None


def _growth(task: PlannedTask, container: str) -> dict[str, Any]:
    """Needs that grow with each attempt: Argo knows its number when it makes the pod."""
    needs, grow = task.resources, task.resources.grow
    assert grow is not None
    first = {"cpu": (needs.cpu * 1000, grow.cpu, "m"), "memory": (needs.memory, grow.memory, "")}
    if needs.disk is not None:
        first["ephemeral-storage"] = (needs.disk, grow.disk, "")
    amounts = {
        name: f"{{{{=string(int({math.ceil(amount)} * {factor} ** asInt(retries)))}}}}{unit}"
        for name, (amount, factor, unit) in first.items()
        if factor != 1
    }
    return {"containers": [{"name": container, "resources": {"requests": amounts, "limits": amounts}}]}


def _cpu(cpus: float) -> str:
    return str(int(cpus)) if cpus == int(cpus) else f"{math.ceil(cpus * 1000)}m"


def _memory(amount: int) -> str:
    for power, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if amount % 2**power == 0:
            return f"{amount >> power}{unit}"
    return str(amount)


def _retry(retry: PlannedRetry) -> models.RetryStrategy:
    from .hera_models import models as m

    code = "asInt(lastRetry.exitCode)"
    codes = [one for one in retry.exit_codes or () if one != BAD_INPUT]
    expression = f"{code} != {BAD_INPUT}" if retry.exit_codes is None else f"{code} in {json.dumps(codes)}"
    backoff: dict[str, Any] = {
        "duration": _seconds(retry.backoff),
        "factor": int(retry.factor),
        "cap": _seconds(retry.max),
    }
    return m.RetryStrategy(
        limit=retry.limit, retry_policy="Always", expression=expression, backoff=m.Backoff(**backoff)
    )


def _seconds(amount: float) -> str:
    return f"{round(amount * 1000)}ms" if amount % 1 else f"{int(amount)}s"


def _label(text: str) -> str:
    return text.replace("/", "-").strip("-_./")[:63]
