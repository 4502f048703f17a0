"""The graph as DAG templates: one where it fits, else shards that wait for the shards they need.

A shard is a run of consecutive tasks in the plan's order, so shards cannot need each other in a circle. What a task
needs from an earlier shard makes its whole shard wait for that one; shards without such a need run side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.contract import Port
from ...schemas.plan import Plan, PlannedTask
from .arguments import fan_in_json, task_json
from .conditions import condition

if TYPE_CHECKING:
    from hera.workflows import models

ENTRYPOINT = "main"
TASKS_PER_DAG = 200
"""most tasks that Argo's CRDs allow in one DAG"""


class Graph:
    """The DAG templates of a plan. ``pods`` gives the name of each task's pod template."""

    def __init__(self, plan: Plan, pods: Mapping[str, str]) -> None:
        self.plan = plan
        self.pods = pods
        self.instances: dict[str, int | None] = {
            task.name: len(task.instances()) if task.matrix else None for task in plan.tasks
        }
        self.tasks = {task.name: task for task in plan.tasks}
        self.wrappers: dict[str, models.Template] = {}
        self.parameters = {f"parameters.{name}": port for name, port in plan.parameters.items()}

    def templates(self) -> list[models.Template]:
        """The entry point first."""
        tasks = self.plan.tasks
        if len(tasks) <= TASKS_PER_DAG:
            main = [self._dag(ENTRYPOINT, tasks)]
        else:
            main = self._sharded(
                [tasks[start : start + TASKS_PER_DAG] for start in range(0, len(tasks), TASKS_PER_DAG)]
            )
        return [*main, *self.wrappers.values()]

    def _sharded(self, shards: Sequence[Sequence[PlannedTask]]) -> list[models.Template]:
        from .hera_models import models as m

        home = {task.name: number for number, shard in enumerate(shards) for task in shard}
        entries, dags = [], []
        for number, shard in enumerate(shards):
            before = sorted({home[name] for task in shard for name in task.needs} - {number})
            name = _shard_name(number)
            depends = " && ".join(f"{_shard_name(one)}.Succeeded" for one in before)
            entries.append(m.DAGTask(name=name, template=name, depends=depends or None))
            dags.append(self._dag(name, shard))
        return [m.Template(name=ENTRYPOINT, dag=m.DAGTemplate(tasks=entries, fail_fast=False)), *dags]

    def _dag(self, name: str, tasks: Sequence[PlannedTask]) -> models.Template:
        from .hera_models import models as m

        here = {task.name for task in tasks}
        needed = {name for task in tasks for name in task.needs}
        entries = [self._entry(task, here, leaf=task.name not in needed) for task in tasks]
        return m.Template(name=name, dag=m.DAGTemplate(tasks=entries, fail_fast=False))

    def _entry(self, task: PlannedTask, here: set[str], leaf: bool) -> models.DAGTask:
        from .hera_models import models as m

        count = self.instances[task.name]
        given = [m.Parameter(name="task", value=task_json(task))]
        if task.needs:
            given.append(m.Parameter(name="fan-in", value=fan_in_json(task, self.instances)))
        entry = {
            "name": task.name,
            "depends": self._depends(task, here) or None,
            "when": condition(task.when, self._known(task, here)) if task.when is not None else None,
        }
        if task.max_parallel or (task.allow_failure and leaf):
            return m.DAGTask(**entry, template=self._wrapper(task, leaf), arguments=m.Arguments(parameters=given))
        return m.DAGTask(**entry, **_instances(self.pods[task.name], given, count))

    def _depends(self, task: PlannedTask, here: set[str]) -> str:
        clauses = []
        for name in task.needs:
            if name not in here:
                continue
            if self.tasks[name].allow_failure:
                clauses.append(f"({name}.Succeeded || {name}.Failed || {name}.Errored)")
            else:
                clauses.append(f"{name}.Succeeded")
        return " && ".join(clauses)

    def _known(self, task: PlannedTask, here: set[str]) -> dict[str, Port]:
        """What Argo can evaluate in this task's condition: outputs that are sure to exist once the task may start."""
        known = dict(self.parameters)
        for name in task.needs:
            before = self.tasks[name]
            if name in here and not before.matrix and not before.allow_failure:
                ports = self.plan.steps[before.step].outputs
                known |= {f"{name}.{output}": port for output, port in ports.items() if not port.optional}
        return known

    def _wrapper(self, task: PlannedTask, leaf: bool) -> str:
        """A DAG of this one task, for what Argo can only say of a DAG (`parallelism`) or of a task without `depends`
        (`continueOn`: a failure that nobody waits for would fail the run). Tasks alike share it.
        """
        from .hera_models import models as m

        pod, count = self.pods[task.name], self.instances[task.name]
        forgiving = task.allow_failure and leaf
        name = "-".join(
            [
                pod,
                *(["x", str(count)] if count is not None else []),
                *(["p", str(task.max_parallel)] if task.max_parallel else []),
                *(["f"] if forgiving else []),
            ]
        )
        if name not in self.wrappers:
            passed = [m.Parameter(name=one, value=f"{{{{inputs.parameters.{one}}}}}") for one in ("task", "fan-in")]
            only = m.DAGTask(
                name="each",
                continue_on=m.ContinueOn(failed=True, error=True) if forgiving else None,
                **_instances(pod, passed, count),
            )
            self.wrappers[name] = m.Template(
                name=name,
                parallelism=task.max_parallel,
                dag=m.DAGTemplate(tasks=[only], fail_fast=False),
                inputs=m.Inputs(parameters=[m.Parameter(name="task"), m.Parameter(name="fan-in", value="{}")]),
            )
        return name


def _instances(pod: str, given: list[models.Parameter], count: int | None) -> dict[str, Any]:
    """Fields of a DAG task that runs a pod once, or once for each index."""
    from .hera_models import models as m

    if count is None:
        return {"template": pod, "arguments": m.Arguments(parameters=given)}
    index = m.Parameter(name="index", value="{{item}}")
    return {
        "template": pod,
        "arguments": m.Arguments(parameters=[*given, index]),
        "with_sequence": m.Sequence(count=str(count)),
    }


def _shard_name(number: int) -> str:
    return f"shard-{number + 1}"
