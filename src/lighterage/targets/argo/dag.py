"""The graph as DAG templates: one where it fits, else shards that wait for the shards they need.

A shard is a run of consecutive tasks in the plan's order, so shards cannot need each other in a circle. What a task
needs from an earlier shard makes its whole shard wait for that one; shards without such a need run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...launching.pod import EACH, LAST
from ...schemas.plan import Plan, PlannedTask
from .approvals import asking_name
from .arguments import fan_in_json, task_json
from .conditions import conditions
from .rounds import rounds_name

if TYPE_CHECKING:
    from hera.workflows import models

ENTRYPOINT = "main"
TASKS_PER_DAG = 200
"""most tasks that Argo's CRDs allow in one DAG"""


Count = int | str | None
"""instances of a task: a number; None for one; `each`, or the `last` of them, where a run decides"""


SHARD = "shard-"
"""how the names of the parts of a large DAG begin"""


class Graph:
    """The DAG templates of a plan. ``pods`` gives the name of each task's pod template."""

    def __init__(self, plan: Plan, pods: Mapping[str, str]) -> None:
        self.plan = plan
        self.pods = pods
        self.instances = {task.name: _instances_of(task) for task in plan.tasks}
        self.sharded = len(plan.tasks) > TASKS_PER_DAG
        # A task that Argo skips leaves no record, and in another shard nothing but its record could tell of it.
        self.conditions = {} if self.sharded else conditions(plan)
        self.wrappers: dict[str, models.Template] = {}

    def templates(self) -> list[models.Template]:
        """The entry point first."""
        main = self._shards() if self.sharded else [self._dag(ENTRYPOINT, self.plan.tasks)]
        return [*main, *self.wrappers.values()]

    def _shards(self) -> list[models.Template]:
        from .hera_models import models as m

        tasks = self.plan.tasks
        shards = [tasks[start : start + TASKS_PER_DAG] for start in range(0, len(tasks), TASKS_PER_DAG)]
        home = {task.name: number for number, shard in enumerate(shards) for task in shard}
        entries, dags = [], []
        for number, shard in enumerate(shards):
            before = sorted({home[name] for task in shard for name in task.needs} - {number})
            name = _shard_name(number)
            entries.append(m.DAGTask(name=name, template=name, depends=_all_of(map(_shard_name, before))))
            dags.append(self._dag(name, shard))
        return [m.Template(name=ENTRYPOINT, dag=m.DAGTemplate(tasks=entries, fail_fast=False)), *dags]

    def _dag(self, name: str, tasks: Sequence[PlannedTask]) -> models.Template:
        from .hera_models import models as m

        here = {task.name for task in tasks}
        return m.Template(
            name=name, dag=m.DAGTemplate(tasks=[self._entry(task, here) for task in tasks], fail_fast=False)
        )

    def _entry(self, task: PlannedTask, here: set[str]) -> models.DAGTask:
        from .hera_models import models as m

        given = [m.Parameter(name="task", value=task_json(task))]
        if task.needs:
            given.append(m.Parameter(name="fan-in", value=fan_in_json(task, self.instances)))
        if task.approve:
            return m.DAGTask(
                name=task.name,
                depends=_all_of(name for name in task.needs if name in here),
                when=self.conditions.get(task.name),
                template=asking_name(task, self.pods[task.name]),
                arguments=m.Arguments(parameters=given),
            )
        if task.for_each is not None:
            given.append(m.Parameter(name="count", value=self._count(task)))
        work = (
            {"template": self._wrapper(task), "arguments": m.Arguments(parameters=given)}
            if task.allow_failure
            or task.max_parallel
            or task.for_each
            or (task.matrix and task.name in self.conditions)
            else _instances(self._work(task), given, self.instances[task.name])
        )
        return m.DAGTask(
            name=task.name,
            depends=_all_of(name for name in task.needs if name in here),
            when=self.conditions.get(task.name),
            **work,
        )

    def _work(self, task: PlannedTask) -> str:
        """The template that does a task: its pod, or rounds of it."""
        pod = self.pods[task.name]
        return rounds_name(pod) if task.repeat else pod

    def _count(self, task: PlannedTask) -> str:
        """How many items Argo will count, once the list is there."""
        source, _, output = task.for_each["$ref"].partition(".")
        if source == "parameters":
            return f"{{{{=string(len(fromJSON(workflow.parameters.{output})))}}}}"
        known = self.instances[source]
        return f"{{{{tasks.{source}.outputs.parameters.{output}-count}}}}" if known is None else str(known)

    def _wrapper(self, task: PlannedTask) -> str:
        """A DAG of this one task; tasks alike share it. It says what Argo can say only so:

        - `parallelism`, which a DAG has;
        - that a failure is allowed. In a `depends` of what follows, the failure would still fail the run where that is
          skipped, or where nothing follows;
        - that a whole matrix is skipped: Argo lets a group of skipped instances succeed;
        - that a list without items is fine: Argo calls a group of none skipped.
        """
        from .hera_models import models as m

        pod, count = self._work(task), self.instances[task.name]
        marks = [
            *(["x", str(count)] if count is not None else []),
            *(["p", str(task.max_parallel)] if task.max_parallel else []),
            *(["f"] if task.allow_failure else []),
        ]
        name = "-".join([pod, *marks])
        if name not in self.wrappers:
            passed = [m.Parameter(name=one, value=f"{{{{inputs.parameters.{one}}}}}") for one in ("task", "fan-in")]
            taken = [m.Parameter(name="task"), m.Parameter(name="fan-in", value="{}")]
            taken += [m.Parameter(name="count")] if task.for_each is not None else []
            only = m.DAGTask(
                name="each",
                continue_on=m.ContinueOn(failed=True, error=True) if task.allow_failure else None,
                **_instances(pod, passed, count),
            )
            self.wrappers[name] = m.Template(
                name=name,
                parallelism=task.max_parallel,
                dag=m.DAGTemplate(tasks=[only], fail_fast=False),
                inputs=m.Inputs(parameters=taken),
            )
        return name


def _all_of(names: Iterable[str]) -> str | None:
    """A `depends` that waits for success of all; what follows a skipped or failed one is omitted."""
    return " && ".join(f"{name}.Succeeded" for name in names) or None


def _instances_of(task: PlannedTask) -> Count:
    if task.for_each is not None:
        return EACH
    if task.repeat:
        return LAST
    return len(task.matrix.combinations()) if task.matrix else None


def _instances(pod: str, given: list[models.Parameter], count: Count) -> dict[str, Any]:
    """Fields of a DAG task that runs a pod once, or once for each index."""
    from .hera_models import models as m

    if count in (None, LAST):
        return {"template": pod, "arguments": m.Arguments(parameters=given)}
    index = m.Parameter(name="index", value="{{item}}")
    return {
        "template": pod,
        "arguments": m.Arguments(parameters=[*given, index]),
        "with_sequence": m.Sequence(count="{{inputs.parameters.count}}" if count == EACH else str(count)),
    }


def _shard_name(number: int) -> str:
    return f"{SHARD}{number + 1}"
