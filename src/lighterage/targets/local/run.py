"""Running a plan on this machine: what it takes, what it tells, how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...schemas.plan import Plan
from ...schemas.record import Failure, RunRecord, TaskRecord
from ...storing import Store
from .capacity import Capacity
from .instances import Instance

if TYPE_CHECKING:
    from .containers import Containers


class Observer(Protocol):
    """Is told what happens, in order."""

    def started(self, instance: Instance) -> None: ...

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None: ...

    def again(self, instance: Instance, failure: Failure, wait: float) -> None: ...

    def waiting(self, place: str) -> None: ...

    def asked(self, run: str, instance: Instance) -> None: ...


class Options(NamedTuple):
    """How to run a plan."""

    base: Path
    """folder of the workflow's file: relative paths start there"""
    capacity: Capacity
    force: frozenset[str] = frozenset()
    """tasks that run although the cache could answer"""
    active: frozenset[str] | None = None
    """tasks that take part; all where nothing is said"""
    selected: frozenset[str] | None = None
    """tasks that may run; the others that take part must be answered by the cache"""
    containers: Containers | None = None
    """where tasks run; as processes of this machine where nothing is said"""


class Outcome(NamedTuple):
    """How a run ended."""

    record: RunRecord
    tasks: list[TaskRecord]
    signal: int | None = None
    """the signal that stopped it"""


def run_plan(plan: Plan, store: Store, options: Options, observer: Observer) -> Outcome:
    """Runs what is not in the cache and records everything. Raises StoreError when the store cannot be written."""
    from .code import own_code_kept
    from .loop import Run

    with own_code_kept(plan, store) as kept:
        if plan.concurrency is None or store.root is None:
            return Run(kept, store, options, observer).run()
        from .locks import places_held

        with places_held(plan.concurrency, store.root / "locks", observer.waiting):
            return Run(kept, store, options, observer).run()
