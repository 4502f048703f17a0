"""What references may name, and of what type it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnostics import closest
from ..schemas.contract import Port, type_name
from ..schemas.step import Step
from ..schemas.workflow import RESERVED, Task, Workflow


class Unknown(Exception):
    """A reference to nothing. ``code`` is the diagnostic's."""

    def __init__(self, code: str, message: str, known: list[str], wanted: str) -> None:
        super().__init__(message)
        self.code = code
        near = closest(wanted, known)
        self.hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(known[:12])}" if known else None


@dataclass
class Scope:
    """Everything a workflow's references may reach; remembers which parameters were used."""

    workflow: Workflow
    steps: dict[str, Step | None]
    """step of each task; None where it could not be read, so that one mistake is not reported twice"""
    values: dict[str, Any]
    """of the environment"""
    used: set[str] = field(default_factory=set)

    def port(self, name: str, task: Task | None) -> Port | None:
        """The type of a reference; None where it cannot be known. Raises Unknown."""
        first, _, rest = name.partition(".")
        match first:
            case "parameters":
                self.used.add(rest)
                return self._among(rest, self.workflow.parameters, "L303", "parameter")
            case "environment":
                value = self._among(rest, self.values, "L305", "value of the environment")
                return Port(type=type_name(value))
            case "matrix":
                return self._axis(rest, task)
            case "item":
                return self._item(rest, task)
            case "carried":
                return self._carried(rest, task)
        if first in RESERVED:
            raise Unknown("L304", f"${{{name}}} cannot be used here", [], name)
        return self._output(first, rest)

    def _axis(self, axis: str, task: Task | None) -> Port | None:
        names = list(task.matrix.names()) if task and task.matrix else []
        if axis not in names:
            missing = f"the matrix has no axis {axis!r}" if names else f"${{matrix.{axis}}} needs a task with a matrix"
            raise Unknown("L306", missing, names, axis)
        return None  # each of its values is checked by itself

    def _item(self, field: str, task: Task | None) -> Port | None:
        if task is None or task.for_each is None:
            raise Unknown("L306", "${item} needs a task with for_each", [], "item")
        source = self.port(task.for_each.strip()[2:-1].strip(), None) if task.for_each.startswith("${") else None
        return None if field or source is None else source.items

    def _carried(self, name: str, task: Task | None) -> Port | None:
        if task is None or task.repeat is None:
            raise Unknown("L306", f"${{carried.{name}}} needs a task with repeat", [], name)
        output = self._among(name, task.repeat.carry, "L306", "carried name")
        own = next((one for one, other in self.workflow.tasks.items() if other is task), "")
        step = self.steps.get(own)
        return step.outputs.get(output) if step else None

    def _output(self, task_name: str, output: str) -> Port | None:
        task = self.task(task_name)
        step = self.steps.get(task_name)
        if step is None:
            return None
        port: Port = self._among(output, step.outputs, "L302", f"output of task {task_name!r} ({step.name})")
        return Port(type="list", items=port) if task.many else port

    def task(self, name: str) -> Task:
        """The task of that name. Raises Unknown."""
        task: Task = self._among(name, self.workflow.tasks, "L301", "task")
        return task

    @staticmethod
    def _among(name: str, known: Any, code: str, what: str) -> Any:
        if name not in known:
            raise Unknown(code, f"unknown {what}: {name!r}", list(known), name)
        return known[name]

    def is_optional(self, name: str) -> bool:
        """Whether a reference is to an output that a step may leave out."""
        task, _, output = name.partition(".")
        step = self.steps.get(task)
        return bool(step and output in step.outputs and step.outputs[output].optional)


RUN = {"id": Port(type="string"), "status": Port(type="string"), "failed": Port(type="list", items=Port(type="string"))}
"""what `${run.…}` tells once a run has ended: its name, `succeeded` or `failed` or `cancelled`, names of failed tasks"""


class ExitScope(Scope):
    """What tasks may refer to that follow the whole run."""

    def port(self, name: str, task: Task | None) -> Port | None:
        first, _, rest = name.partition(".")
        if first == "run":
            port: Port = self._among(rest, RUN, "L304", "fact about the run")
            return port
        if first in ("parameters", "environment"):
            return super().port(name, task)
        raise Unknown("L304", f"${{{name}}} cannot be used once the run has ended; ${{run.failed}} can", [], name)
