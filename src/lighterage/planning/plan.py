"""Puts it together: reads nothing by itself but step contracts; returns a Plan or says all that is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..diagnostics import Diagnostic
from ..reading import Document, check
from ..schemas.environment import Environment
from ..schemas.plan import Plan, PlannedTask
from ..schemas.template import reference, references
from ..schemas.workflow import RESERVED, ExitTask, Task, Workflow
from .arguments import settle_arguments
from .drafts import Drafter
from .graph import cycles, order
from .references import Malformed, parse_value
from .scope import ExitScope, Scope, Unknown
from .uses import At, Uses

ON_EXIT = "on-exit-"
"""how the tasks that follow a run are called, with a number"""


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
        self.uses = Uses(document, environment)
        self.drafter = Drafter(document, environment, arguments)
        self.scope = Scope(workflow, {}, environment.values)

    def plan(self, store: str) -> Plan:
        self._placements()
        tasks = self.workflow.tasks
        for name, task in tasks.items():
            if name in RESERVED or name.startswith(ON_EXIT):
                message = f"{name!r} cannot name a task: it has another meaning"
                self._report("L104", ("tasks", name), message, key=True)
            self.scope.steps[name] = self.uses.step(task.uses, ("tasks", name, "uses"))
        drafts = {name: self._draft(name, task, self.scope, ("tasks", name)) for name, task in tasks.items()}
        exits = [self._exit(number, task) for number, task in enumerate(self.workflow.on_exit)]
        outputs = self._outputs()
        names = self._ordered({name: set(draft["needs"]) for name, draft in drafts.items()})
        self._unused(drafts)
        self.found += self.uses.found + self.drafter.found
        return Plan(
            workflow=self.workflow.name,
            description=self.workflow.description,
            environment=self.environment.name,
            store=store,
            parameters=dict(self.workflow.parameters),
            arguments=self.arguments,
            steps=self.uses.planned(),
            tasks=[PlannedTask.model_construct(**drafts[name]) for name in names],
            on_exit=exits,
            outputs=outputs,
            schedule=self.workflow.schedule,
            concurrency=self.workflow.concurrency,
        )

    def _draft(self, name: str, task: Task, scope: Scope, at: At) -> dict[str, Any]:
        found = self.uses.step(task.uses, (*at, "uses"))
        return self.drafter.draft(name, task, found.step if found else None, scope, at)

    def _exit(self, number: int, task: ExitTask) -> PlannedTask:
        """A task that follows the whole run: its condition is how that ended, its result is never used again."""
        scope = ExitScope(self.workflow, self.scope.steps, self.environment.values, self.scope.used)
        draft = self._draft(f"{ON_EXIT}{number + 1}", task.as_task(), scope, ("on_exit", number))
        sign = {"succeeded": "==", "failed": "!=", "always": None}[task.when]
        when = [sign, reference("run.status"), "succeeded"] if sign else None
        return PlannedTask.model_construct(**{**draft, "when": when, "cache": False})

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
                for name_ in references(template):
                    self.scope.port(name_, None)
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
