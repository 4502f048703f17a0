"""What an answer from the cache costs: how many operations, and that each byte is read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lighterage.launching.attempt import earlier_result
from lighterage.schemas.contract import Port
from lighterage.schemas.plan import PlannedStep, TaskSpec
from lighterage.schemas.record import ArtifactRef
from lighterage.storing import Store, open_store

from .servers import moto
from .test_collecting import aged
from .trees import write_tree

KEY = "ab" * 32
TASK = TaskSpec(name="make")
FILES = 5


class Counting:
    """Counts the calls of a back end, or of a bucket's client, by kind of thing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def counted(key: str, *given: Any, **named: Any) -> Any:
            kind = next(one for one in ("actions", "objects", "pins", "collecting") if one in key)
            self.calls.append(f"{name} {kind}")
            return found(key, *given, **named)

        return counted


def step(**outputs: str) -> PlannedStep:
    ports = {name: Port(type=type) for name, type in outputs.items()}
    return PlannedStep(name="make", version="1", contract="", code="", image="", uses="./make", outputs=ports)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "folder":
        yield open_store(str(tmp_path / "store"))
        return
    with moto() as server:
        server.lead_to(monkeypatch)
        yield open_store(server.url(uuid4().hex))


def counting(store: Store) -> Counting:
    """From now on all that is asked of the storage: of the folder, or of the bucket's server."""
    inner: Any = store.backend
    if store.root:
        store._backend = counted = Counting(inner)
    else:
        inner._client = counted = Counting(inner._client)
    return counted


def test_a_hit_reads_its_action_and_asks_once_for_each_object(store: Store, tmp_path: Path) -> None:
    write_tree(tmp_path / "in", {str(number): b"x" * (number + 1) for number in range(FILES)})
    (tmp_path / "file").write_bytes(b"weights")
    outputs = {
        "folder": store.put(tmp_path / "in", "folder").model_dump(),
        "file": store.put(tmp_path / "file", "file").model_dump(),
        "accuracy": 0.9,
    }
    store.record_action(KEY, outputs, run="a-1", task="make", seconds=1)
    read, ask = ("read", "look") if store.root else ("get", "head")

    counted = counting(store)
    action = earlier_result(store, TASK, step(folder="folder", file="file", accuracy="number"), KEY)
    assert action is not None and action["outputs"] == outputs
    assert sorted(counted.calls) == sorted([f"{read} actions", f"{read} objects", *[f"{ask} objects"] * (FILES + 1)]), (
        "the action, the list of the folder's files, and no file"
    )

    counted.calls.clear()
    store.fetch(ArtifactRef.model_validate(outputs["file"]), tmp_path / "out")
    assert counted.calls == ["stage objects" if store.root else "get objects"], "one read brings it and checks it"


def test_a_hit_on_values_is_one_read(store: Store) -> None:
    store.record_action(KEY, {"accuracy": 0.9}, run="a-1", task="make", seconds=1)
    counted = counting(store)
    assert earlier_result(store, TASK, step(accuracy="number"), KEY)
    assert len(counted.calls) == 1


def test_a_hit_on_an_old_result_costs_a_pin_once_and_a_look_at_it_later(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.record_action(KEY, {"accuracy": 0.9}, run="a-1", task="make", seconds=1)
    aged(store, 2)
    counted = counting(store)
    assert earlier_result(store, TASK, step(accuracy="number"), KEY)
    first = ["read actions", "look pins", "replace pins", "list collecting", "look actions"]
    assert counted.calls == first
    pin = next((store.root / "pins").iterdir())
    past = pin.stat().st_mtime - 2 * 3600
    os.utime(pin, (past, past))
    counted.calls.clear()
    assert earlier_result(store, TASK, step(accuracy="number"), KEY)
    assert counted.calls == ["read actions", "look pins", "look actions"]
