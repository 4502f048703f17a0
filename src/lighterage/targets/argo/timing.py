"""When runs start by themselves, and how many at one time: cron, mutexes, semaphores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...schemas.environment import Site
from ...schemas.plan import Plan
from ...schemas.shape import seconds_of
from ...schemas.workflow import Concurrency, Semaphore

if TYPE_CHECKING:
    from hera.workflows import models

_LIMIT = "limit"


def whole_seconds(duration: str) -> int:
    """``"1.5s"`` -> 2: Kubernetes counts in whole seconds."""
    return math.ceil(seconds_of(duration))


def cron_workflow(plan: Plan, site: Site, spec: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The CronWorkflow of a scheduled plan; ``spec`` refers to the template that its runs are made of."""
    assert plan.schedule is not None
    schedule = plan.schedule
    body: dict[str, Any] = {
        "concurrencyPolicy": schedule.concurrency.capitalize(),
        "schedules": schedule.cron,
        "timezone": schedule.timezone,
        "workflowMetadata": {"labels": labels},
        "workflowSpec": spec,
    }
    if schedule.catch_up:
        body["startingDeadlineSeconds"] = whole_seconds(schedule.catch_up)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": plan.workflow, "namespace": site.namespace, "labels": labels},
        "spec": body,
    }


def synchronization(concurrency: Concurrency | None) -> models.Synchronization | None:
    """What a run holds from its start to its end."""
    from .hera_models import models as m

    if concurrency is None or not (concurrency.mutex or concurrency.semaphore):
        return None
    places = concurrency.semaphore
    return m.Synchronization(
        mutexes=[m.Mutex(name=concurrency.mutex)] if concurrency.mutex else None,
        semaphores=[m.SemaphoreRef(config_map_key_ref=m.ConfigMapKeySelector(name=_places_of(places), key=_LIMIT))]
        if places
        else None,
    )


def semaphore_limit(semaphore: Semaphore, site: Site) -> dict[str, Any]:
    """The ConfigMap in which Argo looks up how many places there are; the last one applied counts for all."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": _places_of(semaphore),
            "namespace": site.namespace,
            "labels": {"app.kubernetes.io/managed-by": "lighterage"},
        },
        "data": {_LIMIT: str(semaphore.limit)},
    }


def _places_of(semaphore: Semaphore) -> str:
    return f"semaphore-{semaphore.name}"
