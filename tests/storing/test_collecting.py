"""Cleaning up: what goes, what stays, and that nothing is lost to those who work meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lighterage.launching.attempt import earlier_result
from lighterage.schemas.contract import Port
from lighterage.schemas.plan import Plan, PlannedStep, TaskSpec, digest_of
from lighterage.schemas.record import ArtifactRef, RunRecord, TaskRecord
from lighterage.storing import Store, StoreError, open_store, pins
from lighterage.storing.backend import Listed, object_key
from lighterage.storing.collecting import Rules, collect
from lighterage.storing.local import LocalBackend
from lighterage.storing.pins import GRACE, MARKS, pin_of, say

from .trees import write_tree

DAY = 86_400.0
KEY = "cd" * 32
STEP = PlannedStep(
    name="make", version="1", contract="", code="", image="", uses="./make", outputs={"made": Port(type="folder")}
)


def aged(store: Store, days: float, below: str = "") -> None:
    """Makes everything there look as if it had been written so many days ago."""
    age_folder(store.root / below, days)


def age_folder(folder: Path, days: float) -> None:
    then = time.time() - days * DAY
    for place in folder.rglob("*"):
        if place.parent.name == "actions":
            place.chmod(0o644)
            action = json.loads(place.read_text()) | {"created": then}
            del action["digest"]
            place.write_text(json.dumps(action | {"digest": digest_of(action)}))
        if place.is_file():
            os.utime(place, (then, then))


def made(store: Store, tmp_path: Path, text: str = "made") -> ArtifactRef:
    """A folder of two files, published."""
    place = tmp_path / f"in-{text}"
    if not place.exists():
        write_tree(place, {"a": text.encode(), "b": text.encode() * 2})
    return store.put(place, "folder")


def ended(store: Store, run: str, days_ago: float, status: str = "succeeded", **facts: Any) -> None:
    """A run's record, its plan and that of one task."""
    then = time.time() - days_ago * DAY
    store.write_plan(run, Plan(workflow=run.partition("-")[0], environment="laptop", store=store.url))
    store.write_record(TaskRecord(run=run, task="make", status="succeeded", **facts))
    store.write_run(
        RunRecord(
            run=run, workflow=run.partition("-")[0], environment="laptop", started=then,
            finished=None if status == "running" else then, status=status, engine="1",
        )
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def names(store: Store) -> list[str]:
    return sorted(run.run for run in store.runs())


# --- what goes and what stays ---


def test_the_newest_of_each_workflow_and_the_young_stay(store: Store) -> None:
    for name, age in (("a-1", 50), ("a-2", 40), ("a-3", 2), ("b-1", 60), ("b-2", 1)):
        ended(store, name, age)
    assert collect(store, Rules(), dry_run=True).runs == [], "without a rule all stay"
    assert sorted(collect(store, Rules(runs=1)).runs) == ["a-1", "a-2", "b-1"]
    ended(store, "a-0", 45)
    assert collect(store, Rules(runs=1, age=48 * DAY)).runs == [], "what either rule keeps stays"
    assert collect(store, Rules(age=30 * DAY)).runs == ["a-0"]
    assert names(store) == ["a-3", "b-2"]
    assert not (store.root / "runs" / "a-0" / "plan.json").exists()


def test_running_runs_stay_and_those_whose_work_another_shows(store: Store) -> None:
    ended(store, "a-1", 90)
    ended(store, "a-2", 80, status="running")
    ended(store, "a-3", 70)
    ended(store, "a-4", 1, cached=True, from_run="a-1")
    assert collect(store, Rules(age=30 * DAY)).runs == ["a-3"]
    assert names(store) == ["a-1", "a-2", "a-4"]


def test_a_run_that_said_nothing_for_a_month_does_not_run(store: Store) -> None:
    ended(store, "a-1", 90, status="running")
    aged(store, 31, "runs")
    assert collect(store, Rules(age=30 * DAY)).runs == ["a-1"]


def test_results_and_objects_go_with_the_last_run_that_shows_them(store: Store, tmp_path: Path) -> None:
    for number, text in enumerate(("old", "new")):
        ref, key = made(store, tmp_path, text), f"{number}" * 64
        store.record_action(key, {"made": ref.model_dump()}, run=f"a-{number}", task="make", seconds=1)
        ended(store, f"a-{number}", 90 - 80 * number, key=key, outputs={"made": ref.model_dump()})
    shared = store.put(tmp_path / "in-new" / "a", "file")
    aged(store, 2)
    dry = collect(store, Rules(runs=1), dry_run=True)
    assert names(store) == ["a-0", "a-1"] and store.find_action("0" * 64), "a dry run changes nothing"
    freed = collect(store, Rules(runs=1))
    assert dry == freed and (freed.runs, freed.results, freed.objects) == (["a-0"], 1, 3)
    assert store.find_action("0" * 64) is None
    assert store.verify(made(store, tmp_path, "new")) and store.verify(shared)
    assert not list(store.backend.entries(MARKS)) and not list((store.root / "tmp").iterdir())


def test_a_plans_code_and_values_that_name_digests_stay(store: Store, tmp_path: Path) -> None:
    code, named = made(store, tmp_path, "code"), store.put(made_file(tmp_path), "file")
    step = STEP.model_copy(update={"code": code.digest})
    store.write_plan("a-1", Plan(workflow="a", environment="e", store="s", steps={"./make": step}))
    store.write_record(TaskRecord(run="a-1", task="make", status="succeeded", outputs={"list": [named.model_dump()]}))
    aged(store, 2, "objects")
    collect(store, Rules())
    assert store.verify(code) and store.verify(named)


def made_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"named in a list")
    return tmp_path / "file"


def test_what_is_younger_than_the_grace_stays_though_nothing_refers_to_it(store: Store, tmp_path: Path) -> None:
    ref = made(store, tmp_path)
    aged(store, 0.9)
    assert collect(store, Rules()).objects == 0 and store.verify(ref)
    aged(store, 1.1)
    assert collect(store, Rules(), grace=2 * DAY).objects == 0
    assert collect(store, Rules()).objects == 3 and not store.has(ref)


def test_damaged_objects_go_after_the_grace_and_logs_of_runs_that_only_lend_their_results(
    store: Store, tmp_path: Path
) -> None:
    ref = made(store, tmp_path)
    store.backend.set_aside(object_key(ref.digest))
    (tmp_path / "log").write_text("epoch 1")
    for run in ("a-1", "a-2"):
        store.put_log(run, "make", 0, tmp_path / "log")
    ended(store, "a-1", 90)
    ended(store, "a-2", 1, cached=True, from_run="a-1")
    assert collect(store, Rules(age=30 * DAY)).damaged == 0
    aged(store, 2)
    freed = collect(store, Rules(age=30 * DAY))
    assert (freed.damaged, freed.logs) == (1, 1)
    assert store.open_log("a-2", "make").read() == b"epoch 1" and names(store) == ["a-1", "a-2"]


@pytest.mark.parametrize("record", [b"{", b'{"format": "lighterage/task/9"}'])
def test_nothing_goes_while_a_record_cannot_be_read(store: Store, tmp_path: Path, record: bytes) -> None:
    ref = made(store, tmp_path)
    ended(store, "a-1", 1)
    store.backend.replace("runs/a-1/tasks/other.0.json", record)
    aged(store, 2)
    with pytest.raises(StoreError, match=r"runs/a-1/tasks/other\.0\.json"):
        collect(store, Rules(runs=1))
    assert store.verify(ref)


# --- beside running work ---


class Stepping:
    """A back end that tells of each operation before it happens."""

    def __init__(self, inner: LocalBackend, before: Callable[[], None]) -> None:
        self._inner = inner
        self._before = before
        self.url, self.root, self.parallel = inner.url, inner.root, 1

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._inner, name)

        def told(*given: Any, **named: Any) -> Any:
            self._before()
            result = operation(*given, **named)
            return iter(list(result)) if isinstance(result, Iterator) else result

        return told


class StepwiseLocal(LocalBackend):
    """A folder whose publishing tells of each of its parts."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def read(self, key: str) -> bytes:
        self.before()
        return super().read(key)

    def _link(self, *given: Any, **named: Any) -> bool:  # type: ignore[override]
        self.before()
        return super()._link(*given, **named)

    def look(self, key: str) -> Listed | None:
        self.before()
        return super().look(key)

    def replace(self, key: str, data: bytes) -> None:
        self.before()
        super().replace(key, data)

    def list(self, prefix: str) -> Iterator[str]:
        self.before()
        return super().list(prefix)


Work = Callable[[Store, Path], None]


def publish(store: Store, tmp_path: Path) -> None:
    """What a task does: objects that happen to be there already, then a result."""
    ref = made(store, tmp_path)
    store.record_action(KEY, {"made": ref.model_dump()}, run="a-1", task="make", seconds=1)


def use(store: Store, tmp_path: Path) -> None:
    """What a run does: a result from the cache, or else the work."""
    task = TaskSpec(name="make")
    if earlier_result(store, task, STEP, KEY) is None:
        publish(store, tmp_path)


WORK: dict[str, Work] = {"published though there already": publish, "answered by the cache": use}


def prepared(tmp_path: Path) -> Store:
    """A store with an old result and old objects that nothing else refers to."""
    store = open_store(str(tmp_path / "store"))
    publish(store, tmp_path)
    aged(store, 2)
    return store


def lost(store: Store) -> bool:
    """Whether what the work came to is not whole."""
    action = store.find_action(KEY)
    return action is None or not store.verify(ArtifactRef.model_validate(action["outputs"]["made"]))


class Clock:
    """Counts operations, and does something before one of them."""

    def __init__(self, number: int, then: Callable[[], object]) -> None:
        self.count = 0
        self._number = number
        self._then = then

    def __call__(self) -> None:
        self.count += 1
        if self.count - 1 == self._number:
            self._then()


Meeting = Callable[[Path, Work, int], tuple[int, bool]]


def collection_during_work(place: Path, work: Work, number: int) -> tuple[int, bool]:
    """Collects before one operation of the work; how many there were, and whether something was lost."""
    store = prepared(place)
    clock = Clock(number, lambda: collect(store, Rules()))
    backend = StepwiseLocal(store.root)
    backend.before = clock
    work(Store(backend), place)
    return clock.count, lost(store)


def work_during_collection(place: Path, work: Work, number: int) -> tuple[int, bool]:
    """Works before one operation of a collection. Work that waits for the collection goes on when it has ended."""
    store = prepared(place)
    worker = threading.Thread(target=work, args=(store, place))

    def meet() -> None:
        worker.start()
        worker.join(0.05)  # longer than it takes, unless it waits

    clock = Clock(number, meet)
    collect(Store(Stepping(LocalBackend(store.root), clock)), Rules())
    if not worker.ident:
        worker.start()
    worker.join()
    return clock.count, lost(store)


def losses(tmp_path: Path, work: Work, meeting: Meeting) -> list[int]:
    """Before which operations a meeting loses something; all are tried."""
    found, steps, number = [], 1, 0
    while number < steps:
        place = tmp_path / meeting.__name__ / str(number)
        place.mkdir(parents=True)
        steps, bad = meeting(place, work, number)
        found += [number] if bad else []
        number += 1
    assert number > 1
    return found


@pytest.mark.parametrize("meeting", [collection_during_work, work_during_collection])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_nothing_is_lost_wherever_work_and_collection_meet(tmp_path: Path, work: Work, meeting: Meeting) -> None:
    assert losses(tmp_path, work, meeting) == []


@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_without_pins_something_is_lost(tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: who trusts what is there loses it."""
    for module in ("lighterage.storing.local", "lighterage.storing.records"):
        monkeypatch.setattr(f"{module}.lasts", lambda backend, key, written: True)
    assert losses(tmp_path, work, work_during_collection)


def test_an_old_result_is_pinned_once_and_then_counted_on(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    use(store, tmp_path)
    pin = store.root / pin_of(f"actions/{KEY}.json")
    first = pin.stat().st_mtime_ns
    use(store, tmp_path)
    assert pin.stat().st_mtime_ns == first
    aged(store, 2, "pins")
    collect(store, Rules(), dry_run=True)
    assert pin.exists()
    assert collect(store, Rules()).results == 1 and not pin.exists(), "a pin protects for a day"


def test_a_publisher_outlives_a_collection_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said what it would remove and was never heard of again: the object is written anew."""
    monkeypatch.setattr(pins, "PATIENCE", 0.2)
    store = prepared(tmp_path)
    ref = made(open_store(str(tmp_path / "other")), tmp_path)
    say(store.backend, f"{MARKS}/dead.json", [object_key(ref.digest)])
    made(store, tmp_path)
    place = store.root / object_key(ref.digest)
    assert time.time() - place.stat().st_mtime < GRACE
    aged(store, 1, MARKS)
    collect(store, Rules())
    assert not list(store.backend.entries(MARKS))
