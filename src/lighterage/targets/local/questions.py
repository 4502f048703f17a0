"""Tasks that wait for a person. Answers come through the store, from another process: `lighterage approve`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from ...launching.approval import outcome
from ...schemas import BadInput
from ...schemas.plan import Plan
from ...schemas.record import Failure
from ...storing import Store
from .instances import Instance

LISTEN = 0.3
"""seconds between looks for an answer"""


class Questions:
    """What is open, and until when."""

    def __init__(self, plan: Plan, store: Store, run: str) -> None:
        self._plan = plan
        self._store = store
        self._run = run
        self._open: list[tuple[float, Instance]] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def ask(self, instance: Instance, timeout: float | None) -> None:
        """Opens a question, for so many seconds or for ever."""
        instance.started, instance.clock = time.time(), time.monotonic()
        self._open.append((math.inf if timeout is None else instance.clock + timeout, instance))

    def answered(self) -> Iterator[tuple[Instance, dict[str, Any], Failure | None]]:
        """Closes what was answered or has become too late: the outputs, or why the task failed."""
        for question in list(self._open):
            until, instance = question
            answer = self._store.read_answer(self._run, instance.task.name)
            if answer is None and time.monotonic() < until:
                continue
            self._open.remove(question)
            assert instance.task.approve is not None
            ports = self._plan.steps[instance.task.step].outputs
            try:
                yield instance, *outcome(instance.task.approve, ports, answer)
            except BadInput as error:
                yield instance, {}, Failure(kind="bad_input", message=str(error), exit_code=64)

    def look_again(self) -> float:
        """When, by the monotonic clock."""
        return min(time.monotonic() + LISTEN, *(until for until, _ in self._open)) if self._open else math.inf

    def withdraw(self) -> list[Instance]:
        """Closes all of them without an answer."""
        withdrawn = [instance for _, instance in self._open]
        self._open = []
        return withdrawn
