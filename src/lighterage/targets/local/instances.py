"""The state of each instance of each task while a plan runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...schemas.plan import Plan, PlannedResources, PlannedTask
from ...schemas.record import TaskRecord


@dataclass(eq=False)
class Instance:
    """One instance of a task, from the moment its inputs are known."""

    task: PlannedTask
    index: int
    matrix: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    ingredients: dict[str, Any] = field(default_factory=dict)
    considered: float = 0.0
    """seconds since 1970, when its ingredients were looked at"""
    attempt: int = 1
    started: float = 0.0
    """seconds since 1970"""
    clock: float = 0.0
    """the same by the monotonic clock"""
    log: Path | None = None

    @property
    def resources(self) -> PlannedResources:
        """Needs of this attempt."""
        return self.task.resources.of(self.attempt)

    @property
    def label(self) -> str:
        """``train`` or ``train[2]``."""
        return f"{self.task.name}[{self.index}]" if self.task.many or self.task.repeat else self.task.name


class Progress:
    """Which tasks wait for which, and how those that ended did."""

    def __init__(self, plan: Plan, active: set[str]) -> None:
        self.tasks: dict[str, PlannedTask] = {}
        self.records: dict[str, dict[int, TaskRecord]] = {}
        self.sizes: dict[str, int] = {}
        self.ready: deque[str] = deque()
        self._waiting: dict[str, set[str]] = {}
        self._after: dict[str, list[str]] = {}
        self.add(task for task in plan.tasks if task.name in active)

    def add(self, tasks: Iterable[PlannedTask]) -> None:
        """Takes tasks in, each after those that it needs."""
        for task in tasks:
            self.tasks[task.name] = task
            self.records[task.name] = {}
            self._after[task.name] = []
            self._waiting[task.name] = needs = {need for need in task.needs if need in self.tasks}
            for need in needs:
                self._after[need].append(task.name)
            if not needs:
                self.ready.append(task.name)

    def of(self, task: str) -> Sequence[TaskRecord]:
        """Records of a task, in the order of its instances."""
        return [record for _, record in sorted(self.records.get(task, {}).items())]

    def many(self, task: str) -> bool:
        return self.tasks[task].many

    def open(self, task: str, instances: int) -> None:
        """A task's needs have ended and its instances are known; with none of them it has ended too."""
        self.sizes[task] = instances
        self._ended_if_all(task)

    def end(self, record: TaskRecord, further: int = 0) -> None:
        """Notes an instance's end, and that so many ``further`` ones follow; tasks that waited for the last of them
        become ready."""
        name = record.task
        self.sizes[name] += further
        self.records[name][record.index] = record
        self._ended_if_all(name)

    def _ended_if_all(self, name: str) -> None:
        if len(self.records[name]) < self.sizes[name]:
            return
        for later in self._after[name]:
            self._waiting[later].discard(name)
            if not self._waiting[later]:
                self.ready.append(later)

    def verdict(self, task: PlannedTask) -> str | None:
        """Why a task cannot run: `omitted` after a failure, `skipped` after a skip; None when it can."""
        statuses = {
            record.status
            for need in task.needs
            if need in self.tasks
            for record in self.records[need].values()
            if not (record.status == "failed" and self.tasks[need].allow_failure)
        }
        for status in ("cancelled", "failed", "omitted"):
            if status in statuses:
                return "omitted"
        return "skipped" if "skipped" in statuses else None
