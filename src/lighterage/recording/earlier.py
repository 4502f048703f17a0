"""What earlier runs of a workflow knew of a task: why it ran again instead of coming from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..launching.ingredients import differences
from ..schemas.record import RunRecord
from ..storing import Store


class Reason(NamedTuple):
    """Why a task is not answered by the cache."""

    text: str | None
    """None where nothing differs"""
    run: str | None = None
    """the earlier run that it is held against"""


class Earlier:
    """The runs of a workflow before a moment, the newest first; their records are read when first wanted."""

    def __init__(self, store: Store | None, workflow: str, than: RunRecord | None = None) -> None:
        found = store.runs() if store else []
        self._runs = (
            run.run
            for run in found
            if run.workflow == workflow and (than is None or (run.started, run.run) < (than.started, than.run))
        )
        self._store = store
        self._seen: list[str] = []

    def why(self, task: str, index: int, now: dict[str, Any]) -> Reason:
        """The first difference to the nearest earlier run that got so far, or that there was none."""
        for run in self._earlier():
            record = self._store.read_record(run, task, index) if self._store else None
            if record and record.status == "succeeded":
                return Reason(next(differences(now, record.ingredients), None), run)
            if record and record.status == "failed":
                return Reason(f"it failed in {run}", run)
        return Reason("it has not run yet")

    def _earlier(self) -> Iterator[str]:
        yield from self._seen
        for run in self._runs:
            self._seen.append(run)
            yield run
