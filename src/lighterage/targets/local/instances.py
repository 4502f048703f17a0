"""The state of each instance of each task while a plan runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
        return f"{self.task.name}[{self.index}]" if self.task.many else self.task.name


class Progress:
    """Which tasks wait for which, and how those that ended did."""

    def __init__(self, plan: Plan, active: set[str]) -> None:
        self.tasks = {task.name: task for task in plan.tasks if task.name in active}
        self.records: dict[str, dict[int, TaskRecord]] = {name: {} for name in self.tasks}
        self.sizes: dict[str, int] = {}
        self._waiting = {name: {need for need in task.needs if need in self.tasks} for name, task in self.tasks.items()}
        self._after: dict[str, list[str]] = {name: [] for name in self.tasks}
        for name, needs in self._waiting.items():
            for need in needs:
                self._after[need].append(name)
        self.ready = deque(name for name, needs in self._waiting.items() if not needs)

    def of(self, task: str) -> Sequence[TaskRecord]:
        """Records of a task, in the order of its instances."""
        return [record for _, record in sorted(self.records.get(task, {}).items())]

    def many(self, task: str) -> bool:
        return self.tasks[task].many

    def open(self, task: str, instances: int) -> None:
        """A task's needs have ended and its instances are known; with none of them it has ended too."""
        self.sizes[task] = instances
        self._ended_if_all(task)

    def end(self, record: TaskRecord) -> None:
        """Notes an instance's end; tasks that waited for it last become ready."""
        name = record.task
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
