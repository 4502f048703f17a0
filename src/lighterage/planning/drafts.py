"""One task: its inputs, condition, needs, resources and place, settled and checked."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Diagnostic
from ..reading import Document
from ..schemas.environment import Environment
from ..schemas.plan import PlannedApproval, PlannedRetry
from ..schemas.shape import Resources, seconds_of
from ..schemas.step import Step
from ..schemas.template import references
from ..schemas.workflow import Approval, Matrix, Retry, Task
from .inputs import InputChecker
from .placement import misfits, place, settle_resources
from .rounds import settle_rounds
from .scope import Scope, Unknown
from .uses import At


class Drafter:
    """Makes what a PlannedTask is made of; what it finds gathers in ``found``."""

    def __init__(self, document: Document, environment: Environment, arguments: dict[str, Any]) -> None:
        self._document = document
        self._environment = environment
        self._arguments = arguments
        self.found: list[Diagnostic] = []

    def draft(self, name: str, task: Task, uses: str, step: Step | None, scope: Scope, at: At) -> dict[str, Any]:
        """The fields of the planned task; ``at`` is the task's path in the document."""
        checker = InputChecker(self._document, scope, name, task, at, self._arguments)
        inputs, when, for_each = checker.inputs(step), checker.condition(), checker.for_each()
        rounds = settle_rounds(task.repeat, step, checker)
        self.found += checker.found
        self._matrix(name, task.matrix, at)
        resources = settle_resources(task.resources or (step.resources if step else Resources()))
        site, pool = place(self._environment, name)
        for code, message in misfits(self._environment.sites[site], pool, resources):
            self._report(code, (*at, "resources" if task.resources else "uses"), f"task {name!r} {message}")
        return {
            "name": name,
            "step": uses,
            "approve": _approval(task.approve),
            "inputs": inputs,
            "repeat": rounds,
            "needs": self._needs(task, [inputs, when, for_each, rounds.start if rounds else None], scope, at),
            "matrix": task.matrix,
            "for_each": for_each,
            "max_parallel": task.max_parallel,
            "when": when,
            "retry": _retry(task.retry),
            "resources": resources,
            "timeout": seconds_of(task.timeout) if task.timeout else None,
            "cache": task.cache is not False,
            "expires": seconds_of(task.cache.expires) if not isinstance(task.cache, bool) else None,
            "allow_failure": task.allow_failure,
            "argo": task.argo,
            "site": site,
            "pool": pool,
        }

    def _needs(self, task: Task, templates: list[Any], scope: Scope, at: At) -> list[str]:
        needs = {reference.partition(".")[0] for reference in references(templates)}
        for index, other in enumerate(task.needs):
            try:
                scope.task(other)
            except Unknown as error:
                self._report(error.code, (*at, "needs", index), str(error), hint=error.hint)
            needs.add(other)
        return sorted(needs & scope.workflow.tasks.keys())

    def _matrix(self, name: str, matrix: Matrix | None, at: At) -> None:
        if matrix is None:
            return
        path = (*at, "matrix")
        if not matrix.combinations():
            self._report("L311", path, f"the matrix of task {name!r} has no combinations left", key=True)
        for index, part in enumerate(matrix.exclude):
            whole = Matrix.model_construct(include=[], exclude=[])
            object.__setattr__(whole, "__pydantic_extra__", matrix.axes)
            if not any(all(one.get(axis) == value for axis, value in part.items()) for one in whole.combinations()):
                self._report(
                    "L311", (*path, "exclude", index), "this leaves nothing out: no combination has these values"
                )

    def _report(self, code: str, path: At, message: str, **more: Any) -> None:
        self.found.append(self._document.diagnostic(code, path, message, **more))


def _approval(approval: Approval | None) -> PlannedApproval | None:
    if approval is None:
        return None
    return PlannedApproval(
        message=approval.message,
        timeout=seconds_of(approval.timeout) if approval.timeout else None,
        otherwise=approval.otherwise,
    )


def _retry(retry: Retry | None) -> PlannedRetry | None:
    if retry is None:
        return None
    return PlannedRetry(
        limit=retry.limit,
        backoff=seconds_of(retry.backoff),
        factor=float(retry.factor),
        max=seconds_of(retry.max),
        exit_codes=retry.exit_codes,
    )
