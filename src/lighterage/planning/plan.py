"""Puts it together: reads nothing by itself but step contracts; returns a Plan or says all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..diagnostics import Diagnostic, Mistakes
from ..reading import Document, check, read_document
from ..schemas.contract import Port
from ..schemas.environment import Environment
from ..schemas.plan import Plan, PlannedTask
from ..schemas.step import Step
from ..schemas.template import is_reference, reference, references
from ..schemas.workflow import RESERVED, ExitTask, Task, Workflow
from .arguments import settle_arguments
from .drafts import Drafter
from .graph import cycles, order
from .nested import BETWEEN, SUFFIXES, Nested, contract_of, grafted, outputs_grafted, unfit_fields
from .references import Malformed, parse_value
from .scope import ExitScope, Scope, Unknown
from .uses import At, Uses

LONGEST_NAME = 63
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
    planner = _Planner(document, workflow, environment_document, environment, arguments, ())
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
        inside: tuple[Path, ...],
    ) -> None:
        self.inside = (*inside, Path(document.file).resolve())
        """files of the workflows that this one is used in, itself the last"""
        self.document = document
        self.workflow = workflow
        self.environment = environment
        self.environment_document = environment_document
        self.arguments = arguments
        self.found: list[Diagnostic] = []
        self.ports: dict[str, Port] = {}
        """types of the outputs"""
        self.uses = Uses(document, environment, self._nest)
        self.drafter = Drafter(document, environment, arguments)
        self.scope = Scope(workflow, {}, environment.values)

    def plan(self, store: str) -> Plan:
        if len(self.inside) == 1:
            self._placements()
        tasks = self.workflow.tasks
        for name, task in tasks.items():
            if name in RESERVED or name.startswith(ON_EXIT):
                message = f"{name!r} cannot name a task: it has another meaning"
                self._report("L104", ("tasks", name), message, key=True)
            self.scope.steps[name] = self._contract(task, ("tasks", name))[1]
        drafts = {name: self._draft(name, task, self.scope, ("tasks", name)) for name, task in tasks.items()}
        nested = {name: one for name, task in tasks.items() if (one := self._nested(name, task))}
        exits = [self._exit(number, task) for number, task in enumerate(self.workflow.on_exit)]
        outputs = self._outputs()
        names = self._ordered({name: set(draft["needs"]) for name, draft in drafts.items()})
        self._unused(drafts)
        drafts = grafted({name: drafts[name] for name in names}, nested)
        self._too_long(drafts)
        self.found += self.uses.found + self.drafter.found
        return Plan(
            workflow=self.workflow.name,
            description=self.workflow.description,
            environment=self.environment.name,
            store=store,
            parameters=dict(self.workflow.parameters),
            arguments=self.arguments,
            steps=self.uses.planned(),
            tasks=[PlannedTask.model_construct(**draft) for draft in drafts.values()],
            on_exit=exits,
            outputs=outputs_grafted(outputs, nested),
            schedule=self.workflow.schedule,
            concurrency=self.workflow.concurrency,
        )

    def _draft(self, name: str, task: Task, scope: Scope, at: At) -> dict[str, Any]:
        return self.drafter.draft(name, task, *self._contract(task, at), scope, at)

    def _contract(self, task: Task, at: At) -> tuple[str, Step | None]:
        """What a task uses: its name in the plan's steps, and what it takes and gives."""
        if task.approve:
            return self.uses.approval(task.approve, (*at, "approve"))
        assert task.uses is not None
        return task.uses, self.uses.step(task.uses, (*at, "uses"))

    def _nest(self, uses: str, at: At) -> tuple[Nested | None, list[Diagnostic]]:
        """A workflow that this one uses as a step, planned in the same environment."""
        file = Path(self.document.file).parent / uses
        if file.resolve() in self.inside:
            message = f"{uses} is this workflow, or uses it: it would never end"
            return None, [self.document.diagnostic("L207", at, message)]
        if not file.is_file():
            return None, [self.document.diagnostic("L201", at, f"there is no workflow {uses}")]
        try:
            document = read_document(file)
        except Mistakes as error:
            return None, list(error.diagnostics)
        workflow, found = check(document, Workflow)
        if workflow is None:
            return None, found
        arguments = {name: port.default for name, port in workflow.parameters.items() if port.has_default}
        planner = _Planner(document, workflow, self.environment_document, self.environment, arguments, self.inside)
        plan = planner.plan("")
        found = found + planner.found
        for field in ("schedule", "concurrency", "on_exit"):
            if getattr(workflow, field):
                message = f"its {field!r} means nothing to a workflow that is used as a task"
                found.append(self.document.diagnostic("L207", at, message, severity="warning"))
        if any(one.severity == "error" for one in found):
            return None, found
        return Nested(plan, contract_of(workflow.name, workflow.parameters, planner.ports)), found

    def _nested(self, name: str, task: Task) -> Nested | None:
        uses = task.uses or ""
        nested = self.uses.workflow(uses, ("tasks", name, "uses")) if uses.endswith(SUFFIXES) else None
        for field in unfit_fields(task) if nested else ():
            message = f"{field!r} means nothing to a task that uses a workflow: say it in that one's own tasks"
            self._report("L207", ("tasks", name, field), message, key=True)
        return nested

    def _too_long(self, drafts: dict[str, dict[str, Any]]) -> None:
        for name in drafts:
            if len(name) > LONGEST_NAME:
                message = f"the task {name!r} of a nested workflow has a name of {len(name)} characters"
                self._report(
                    "L207", ("tasks", name.partition(BETWEEN)[0]), message, hint=f"at most {LONGEST_NAME}", key=True
                )

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
                ports = [self.scope.port(one, None) for one in references(template)]
                self.ports[name] = ports[0] or Port(type="object") if is_reference(template) else Port(type="string")
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
