"""Puts it together: reads nothing by itself but step contracts; returns a Plan or says all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..catalog import FoundStep, NotFound, find_step
from ..diagnostics import Diagnostic, Mistakes
from ..reading import Document, check
from ..schemas.contract import Port
from ..schemas.environment import Environment
from ..schemas.plan import Plan, PlannedRetry, PlannedStep, PlannedTask
from ..schemas.shape import Resources, seconds_of
from ..schemas.template import references
from ..schemas.workflow import RESERVED, Matrix, Retry, Task, Workflow
from .arguments import settle_arguments
from .code import code_mistakes
from .graph import cycles, order
from .inputs import InputChecker
from .placement import misfits, place, settle_resources
from .references import Malformed, parse_value
from .scope import Scope, Unknown


class Planned(NamedTuple):
    """The outcome of planning."""

    plan: Plan | None
    found: list[Diagnostic]
    documents: dict[str, Document]
    """workflow, environment"""
    environment: Environment | None = None

    @property
    def mistakes(self) -> list[Diagnostic]:
        return [one for one in self.found if one.severity == "error"]

    def placed(self, one: Diagnostic) -> Diagnostic:
        """A target's diagnostic, which names a document and a path in it, with its file, line and column."""
        return self.documents[one.file].diagnostic(one.code, one.path, one.message, found=one.found, hint=one.hint)


def plan_workflow(
    document: Document, environment_document: Document, given: dict[str, Any] | None = None, *, store: str | None = None
) -> Planned:
    """The plan of a workflow in an environment, or every mistake in both and in the steps they use.

    ``given`` are the parameters' typed values; None checks the workflow alone: parameters without a default are then
    no mistake. ``store`` takes the place of the environment's URL. Raises BadArgument for bad values in ``given``.
    """
    workflow, found = check(document, Workflow)
    environment, more = check(environment_document, Environment)
    found = found + more
    documents = {"workflow": document, "environment": environment_document}
    if workflow is None or environment is None:
        return Planned(None, found, documents, environment)
    arguments = (
        settle_arguments(workflow.parameters, given)
        if given is not None
        else {name: port.default for name, port in workflow.parameters.items() if port.has_default}
    )
    planner = _Planner(document, workflow, environment_document, environment, arguments)
    plan = planner.plan(store or environment.store.url)
    found += planner.found
    mistaken = any(one.severity == "error" for one in found)
    return Planned(None if mistaken else plan, found, documents, environment)


class _Planner:
    def __init__(
        self,
        document: Document,
        workflow: Workflow,
        environment_document: Document,
        environment: Environment,
        arguments: dict[str, Any],
    ) -> None:
        self.document = document
        self.workflow = workflow
        self.environment = environment
        self.environment_document = environment_document
        self.arguments = arguments
        self.found: list[Diagnostic] = []
        self._steps: dict[str, FoundStep | None] = {}
        self.scope = Scope(workflow, {}, environment.values)

    def plan(self, store: str) -> Plan:
        self._placements()
        for name, task in self.workflow.tasks.items():
            self.scope.steps[name] = self._step(name, task)
        drafts = {name: self._draft(name, task) for name, task in self.workflow.tasks.items()}
        outputs = self._outputs()
        names = self._ordered({name: set(draft["needs"]) for name, draft in drafts.items()})
        self._unused(drafts)
        used = {self.workflow.tasks[name].uses for name in names}
        return Plan(
            workflow=self.workflow.name,
            description=self.workflow.description,
            environment=self.environment.name,
            store=store,
            parameters=dict(self.workflow.parameters),
            arguments=self.arguments,
            steps={uses: _planned_step(uses, step) for uses in sorted(used) if (step := self._steps.get(uses))},
            tasks=[PlannedTask.model_construct(**drafts[name]) for name in names],
            outputs=outputs,
            schedule=self.workflow.schedule,
            concurrency=self.workflow.concurrency,
        )

    def _step(self, name: str, task: Task) -> FoundStep | None:
        if name in RESERVED:
            self._report(
                "L104", ("tasks", name), f"{name!r} cannot name a task: references to it have another meaning", key=True
            )
        if task.uses not in self._steps:
            self._steps[task.uses] = self._find(name, task)
        return self._steps[task.uses]

    def _find(self, name: str, task: Task) -> FoundStep | None:
        near = Path(self.document.file).absolute().parent
        try:
            step, mistakes = find_step(task.uses, near)
        except NotFound as error:
            self._report(error.code, ("tasks", name, "uses"), error.message, hint=error.hint)
            return None
        except Mistakes as error:
            self.found += error.diagnostics
            return None
        self.found += mistakes
        if step:
            self.found += code_mistakes(step)
            self._image(name, step)
        return step

    def _image(self, name: str, step: FoundStep) -> None:
        on_cluster = any(site.target == "argo" for site in self.environment.sites.values())
        image = step.step.image
        if on_cluster and image not in self.environment.images and not any(mark in image for mark in "/:@"):
            self._report(
                "L206",
                ("tasks", name, "uses"),
                f"step {step.step.name} runs in the image {image!r}, which environment {self.environment.name!r} does not name",
                hint=f"add to {self.environment_document.file}: images: {{{image}: …}}",
            )

    def _draft(self, name: str, task: Task) -> dict[str, Any]:
        found = self.scope.steps[name]
        step = found.step if found else None
        checker = InputChecker(self.document, self.scope, name, self.arguments)
        inputs, when, for_each = checker.inputs(step), checker.condition(), checker.for_each()
        self.found += checker.found
        self._matrix(name, task.matrix)
        resources = settle_resources(task.resources or (step.resources if step else Resources()))
        site, pool = place(self.environment, name)
        for code, message in misfits(self.environment.sites[site], pool, resources):
            at = ("tasks", name, "resources") if task.resources else ("tasks", name, "uses")
            self._report(code, at, f"task {name!r} {message}")
        expires = seconds_of(task.cache.expires) if not isinstance(task.cache, bool) else None
        return {
            "name": name,
            "step": task.uses,
            "inputs": inputs,
            "needs": self._needs(name, task, [inputs, when, for_each]),
            "matrix": task.matrix,
            "for_each": for_each,
            "max_parallel": task.max_parallel,
            "when": when,
            "retry": _retry(task.retry),
            "resources": resources,
            "timeout": seconds_of(task.timeout) if task.timeout else None,
            "cache": task.cache is not False,
            "expires": expires,
            "allow_failure": task.allow_failure,
            "site": site,
            "pool": pool,
        }

    def _needs(self, name: str, task: Task, templates: list[Any]) -> list[str]:
        tasks = self.workflow.tasks
        needs = {reference.partition(".")[0] for reference in references(templates)}
        for index, other in enumerate(task.needs):
            if other not in tasks:
                try:
                    self.scope._among(other, tasks, "L301", "task")
                except Unknown as error:
                    self._report("L301", ("tasks", name, "needs", index), str(error), hint=error.hint)
            needs.add(other)
        return sorted(needs & tasks.keys())

    def _matrix(self, name: str, matrix: Matrix | None) -> None:
        if matrix is None:
            return
        path = ("tasks", name, "matrix")
        if not matrix.combinations():
            self._report("L311", path, f"the matrix of task {name!r} has no combinations left", key=True)
        for index, part in enumerate(matrix.exclude):
            whole = Matrix.model_construct(include=[], exclude=[])
            object.__setattr__(whole, "__pydantic_extra__", matrix.axes)
            if not any(all(one.get(axis) == value for axis, value in part.items()) for one in whole.combinations()):
                self._report(
                    "L311", (*path, "exclude", index), "this leaves nothing out: no combination has these values"
                )

    def _ordered(self, needs: dict[str, set[str]]) -> list[str]:
        names, stuck = order(needs)
        for cycle in cycles(needs, stuck):
            path = " → ".join(reversed(cycle))
            self._report("L307", ("tasks", cycle[0]), f"these tasks wait for each other: {path}", key=True)
        return names

    def _outputs(self) -> dict[str, Any]:
        outputs = {}
        for name, text in self.workflow.outputs.items():
            try:
                template = parse_value(text)
                for reference in references(template):
                    self.scope.port(reference, None)
                outputs[name] = template
            except Malformed as error:
                self._report("L304", ("outputs", name), str(error), offset=error.offset)
            except Unknown as error:
                self._report(error.code, ("outputs", name), str(error), hint=error.hint)
        return outputs

    def _placements(self) -> None:
        for site_name, site in self.environment.sites.items():
            for index, placement in enumerate(self.environment.placement):
                if placement.pool not in site.pools:
                    self.found.append(
                        self.environment_document.diagnostic(
                            "L502",
                            ("placement", index, "pool"),
                            f"site {site_name!r} has no pool {placement.pool!r}",
                            hint=f"its pools: {', '.join(site.pools) or 'none'}",
                        )
                    )

    def _unused(self, drafts: dict[str, dict[str, Any]]) -> None:
        for name in self.workflow.parameters:
            if name not in self.scope.used:
                self._report(
                    "L308", ("parameters", name), f"parameter {name!r} is used nowhere", key=True, severity="warning"
                )
        for name, draft in drafts.items():
            if draft["when"] is False:
                self._report(
                    "L309",
                    ("tasks", name, "when"),
                    f"task {name!r} never runs: its condition is always false",
                    severity="warning",
                )

    def _report(self, code: str, path: tuple[str | int, ...], message: str, **more: Any) -> None:
        self.found.append(self.document.diagnostic(code, path, message, **more))


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


def _planned_step(uses: str, found: FoundStep) -> PlannedStep:
    step = found.step
    return PlannedStep(
        name=step.name,
        version=step.version,
        contract=found.contract_digest,
        code=found.code_digest,
        image=step.image,
        python=step.python,
        command=step.command,
        requires=step.requires,
        preload=step.preload,
        inputs=_plain(step.inputs),
        outputs=_plain(step.outputs),
        uses=uses,
        folder=found.folder,
    )


def _plain(ports: dict[str, Port]) -> dict[str, Port]:
    """Contracts without their prose: a plan carries what decides, not what explains."""
    return {
        name: port.model_copy(update={"description": ""}) if port.description else port for name, port in ports.items()
    }
