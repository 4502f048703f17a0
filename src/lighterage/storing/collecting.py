"""Cleaning up a store beside whoever works with it: runs outside the rules, then results, then objects of nobody.

`pins` has the other half of the bargain, and docs/store.md says why nothing is lost.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

from ..schemas.record import RunRecord
from .backend import Listed, object_key
from .errors import StoreError, Uncertain
from .pins import GRACE, HASTE, MARKS, PINS, SETTLED, pin_of, say
from .records import Records
from .referring import Document, Documents, files_of, run_of, with_their_files
from .together import for_all

ABANDONED = 30 * 86_400.0
"""seconds without a word after which a run that says it is running does not"""
_BATCH = 500
"""keys that are condemned at one time"""
_ATTEMPTS = 5


class Rules(NamedTuple):
    """Which runs stay: the newest of each workflow, and those that are young. All, where neither is said."""

    runs: int | None = None
    age: float | None = None
    """seconds"""


@dataclass
class Freed:
    """What was removed, or would be."""

    runs: list[str] = field(default_factory=list)
    results: int = 0
    objects: int = 0
    damaged: int = 0
    """objects that had been put aside"""
    logs: int = 0
    """of runs that stay for their results only"""
    bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def collect(store: Records, rules: Rules, *, grace: float = GRACE, dry_run: bool = False) -> Freed:
    """Removes what the rules and references leave over and what is older than ``grace`` seconds; beside running work.

    Raises StoreError, with nothing removed that anything might refer to, where something cannot be read.
    """
    return _Collection(store, rules, grace, dry_run).collect()


def kept(runs: Iterable[RunRecord], rules: Rules, now: float, active: set[str]) -> set[str]:
    """Names of the runs that stay by the rules; those that are ``active`` always do."""
    if rules == Rules():
        return {run.run for run in runs}
    stay = set(active)
    by_workflow: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.started, run.run), reverse=True):
        by_workflow[run.workflow].append(run)
        if rules.age is not None and now - (run.finished or run.started) < rules.age:
            stay.add(run.run)
    for found in by_workflow.values():
        stay |= {run.run for run in found[: rules.runs or 0]}
    return stay


class _Collection:
    def __init__(self, store: Records, rules: Rules, grace: float, dry_run: bool) -> None:
        self.store = store
        self.backend = store.backend
        self.rules = rules
        self.grace = grace
        self.dry_run = dry_run
        self.freed = Freed()
        self.documents = Documents(self.backend)
        self.files = files_of(store)
        self.gone: set[str] = set()
        """what a dry run would have removed by now"""
        self.mark = f"{MARKS}/{secrets.token_hex(8)}.json"
        self.now = time.time()

    def collect(self) -> Freed:
        if self.dry_run:
            return self._collect()
        try:
            say(self.backend, self.mark, [])
            if mark := self.backend.look(self.mark):
                self.now = mark.modified  # by the clock that all dates here are by
            freed = self._collect()
            self._clear(PINS, self.grace)
            self._clear(MARKS, SETTLED)
        except StoreError:
            raise  # the mark stays: a request that got no answer may yet be carried out
        except BaseException:
            self._remove(self.mark)
            raise
        self._remove(self.mark)
        return freed

    def _collect(self) -> Freed:
        self._runs()
        self._results()
        self._objects()
        self.freed.damaged = self._clear("damaged", self.grace)
        return self.freed

    # --- what goes ---

    def _runs(self) -> None:
        """Runs outside the rules, each from its record on, so that what is left of it is no run."""
        files: dict[str, list[Listed]] = defaultdict(list)
        for one in self.backend.entries("runs"):
            files[str(run_of(one.key))].append(one)
        runs = self.store.runs()
        last = {name: max(one.modified for one in found) for name, found in files.items()}
        active = {
            run.run
            for run in runs
            if run.run not in last or (run.status == "running" and self.now - last[run.run] < ABANDONED)
        }
        wanted = kept(runs, self.rules, self.now, active)
        stay = self._pointed_to(wanted)
        known = {run.run: run for run in runs}
        for name, found in files.items():
            if name in known.keys() - stay or (name not in known and self.now - last[name] > self.grace):
                self._remove_run(name, known.get(name), found)
            elif name not in wanted:
                logs = [one for one in found if "/logs/" in one.key and self._is_old(one)]
                self.freed.logs += self._remove_all(logs)

    def _pointed_to(self, wanted: set[str]) -> set[str]:
        """Runs that stay, and those whose work they show as theirs."""
        origins: dict[str, set[str]] = defaultdict(set)
        for document in self.documents.look("runs"):
            if document.run and document.from_run:
                origins[document.run].add(document.from_run)
        stay, new = set(wanted), list(wanted)
        while new:
            found = origins[new.pop()] - stay
            stay |= found
            new += found
        return stay

    def _remove_run(self, name: str, run: RunRecord | None, found: list[Listed]) -> None:
        if not self.dry_run and self.store.read_run(name) != run:
            return  # it has begun, or is being tried again
        first = f"runs/{name}/run.json"
        self._remove_all(one for one in found if one.key == first)
        self._remove_all(one for one in found if one.key != first)
        self.freed.runs.append(name)

    def _results(self) -> None:
        """Results that no record of a run names. One that a run has just found is young, or pinned."""
        there = [one for one in self.backend.entries("actions") if self._is_old(one)]
        named = {document.result for document in self._documents("runs")}
        self.freed.results = self._sweep(one for one in there if one.key not in named)

    def _objects(self) -> None:
        """Objects that no document refers to. They are listed first: what is published later is young or pinned."""
        there = [one for one in self.backend.entries("objects") if self._is_old(one)]
        named = self._named()
        left = [one for one in there if one.key not in named]
        if left:
            named |= self._named()  # also what was being written anew while it was listed
        self.freed.objects = self._sweep(one for one in left if one.key not in named)

    def _named(self) -> set[str]:
        digests = with_their_files(self._documents("actions", "runs"), self.files, self.backend.parallel)
        return {object_key(digest) for digest in digests}

    def _documents(self, *folders: str) -> list[Document]:
        return [one for one in self.documents.look(*folders) if one.key not in self.gone]

    # --- how it goes ---

    def _is_old(self, one: Listed) -> bool:
        return self.now - one.modified > self.grace

    def _sweep(self, found: Iterable[Listed]) -> int:
        """Removes what is still old, batch by batch; returns how many."""
        count = 0
        rest: Iterator[Listed] = iter(found)
        while batch := list(itertools.islice(rest, _BATCH)):
            if self.dry_run:
                count += self._remove_all(batch)
                continue
            say(self.backend, self.mark, [one.key for one in batch])
            done = for_all(partial(self._condemn, time.monotonic()), batch, self.backend.parallel)
            say(self.backend, self.mark, [])
            count += sum(done)
            self.freed.bytes += sum(one.size for one, removed in zip(batch, done, strict=True) if removed)
        return count

    def _condemn(self, begun: float, one: Listed) -> bool:
        """Removes one of a batch, unless it was written or pinned meanwhile, or the batch takes too long."""
        for key in (one.key, pin_of(one.key)):
            there = self.backend.look(key)
            if there and self.now - there.modified <= self.grace:
                return False
        if time.monotonic() - begun > HASTE:
            return False
        try:
            self.backend.remove(one.key)
        except Uncertain:
            if time.monotonic() - begun > HASTE / 2:
                raise
            return self._condemn(begun, one)  # it looks again before it tries again
        return True

    def _clear(self, folder: str, age: float) -> int:
        return self._remove_all(one for one in self.backend.entries(folder) if self.now - one.modified > age)

    def _remove_all(self, found: Iterable[Listed]) -> int:
        """Removes what nobody counts on; returns how many."""
        listed = list(found)
        if self.dry_run:
            self.gone |= {one.key for one in listed}
        else:
            for_all(self._remove, [one.key for one in listed], self.backend.parallel)
        self.freed.bytes += sum(one.size for one in listed)
        return len(listed)

    def _remove(self, key: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                return self.backend.remove(key)
            except Uncertain as error:
                last: StoreError = error
                time.sleep(0.2)
        raise last
