"""Networks and servers that fail, on all three kinds of bucket. Long: `FAULT_ROUNDS=100 pytest -m faults tests/storing`."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lighterage.storing import Store, StoreError, open_store
from lighterage.storing.client import PART

from .proxy import FAULTS, Fault, Plan, Proxy, always, once, sometimes, unharmed
from .servers import SERVERS, Server
from .trees import Tree, contents, write_tree

pytestmark = pytest.mark.faults
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "4"))
DEADLINE = 3.0
KEY = "ef" * 32


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Harmless at first."""
    with Proxy(server.port) as proxy:
        server.lead_to(monkeypatch, proxy.port)
        monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", str(DEADLINE))
        yield proxy


@pytest.fixture
def store(server: Server, proxy: Proxy) -> Store:
    return open_store(server.url(uuid4().hex))


@contextlib.contextmanager
def suffering(proxy: Proxy, plan: Plan) -> Iterator[None]:
    proxy.plan, proxy.seen = plan, []
    try:
        yield
    finally:
        proxy.plan = unharmed


def some_tree(seed: int) -> Tree:
    chance = random.Random(seed)
    small = {f"{number}": chance.randbytes(chance.randrange(3000)) for number in range(6)}
    return {**small, "large": chance.randbytes(PART + 100_000)}


def until_done(action: Callable[[], object], tries: int = 30) -> int:
    """Tries as a person would, running the same again; how many tries failed."""
    for failed in range(tries):
        try:
            action()
            return failed
        except StoreError:
            continue
    raise AssertionError(f"{tries} tries failed")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind} {fault.amount:g}")
def test_one_fault_at_each_request_is_survived(store: Store, proxy: Proxy, tmp_path: Path, fault: Fault) -> None:
    """Each request is harmed when it is made for the first time, and not when it is made again."""
    seen: set[tuple[str, str]] = set()

    def first_time(request):  # type: ignore[no-untyped-def]
        known = (request.method, request.path) in seen
        seen.add((request.method, request.path))
        return None if known else fault

    write_tree(tmp_path / "in", {"a": b"1" * 2000, "b": b"", "c": b"3" * 100_000})
    with suffering(proxy, first_time):
        ref = store.put(tmp_path / "in", "folder")
        first = store.record_action(KEY, {"n": 1}, run="one", task="t", seconds=1)
        store.fetch(ref, tmp_path / "out")
        assert store.find_action(KEY) == first and first["run"] == "one"
    assert proxy.harmed() > 4
    assert contents(tmp_path / "out") == contents(tmp_path / "in") and store.verify(ref)


def test_rounds_of_faults_at_random_corrupt_nothing(store: Store, proxy: Proxy, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    harmed = failed = 0
    for round in range(ROUNDS):
        print(f"SEED={seed} round {round}")
        tree = some_tree(seed + round)
        place, copy = tmp_path / f"in-{round}", tmp_path / f"out-{round}"
        write_tree(place, tree)
        with suffering(proxy, sometimes(FAULTS, 0.3, seed + round)):
            refs = []
            failed += until_done(lambda: refs.append(store.put(place, "folder")))  # noqa: B023
            ref = refs[-1]

            def fetch() -> None:
                assert not copy.exists(), "a copy is whole or not there"  # noqa: B023
                store.fetch(ref, copy)  # noqa: B023

            failed += until_done(fetch)
            harmed += proxy.harmed()
        assert contents(copy) == tree and store.verify(ref)
    print(f"rounds {ROUNDS}, requests harmed {harmed}, tries that failed {failed}, corrupt 0")
    assert harmed


def test_a_lost_answer_to_a_write_that_succeeded_is_no_failure(store: Store, proxy: Proxy) -> None:
    plan = once(Fault("lost answer"), "PUT", KEY)
    if store.url.startswith("gs"):
        plan = once(Fault("lost answer"), "POST")
    with suffering(proxy, plan):
        mine = store.record_action(KEY, {"n": 1}, run="mine", task="t", seconds=1)
        assert proxy.harmed() == 1
    assert mine["run"] == "mine" == store.find_action(KEY)["run"]
    assert store.record_action(KEY, {"n": 2}, run="later", task="t", seconds=1)["run"] == "mine"


def test_a_lost_answer_to_a_write_that_lost_the_race_is_not_taken_for_a_win(store: Store, proxy: Proxy) -> None:
    store.record_action(KEY, {"n": 1}, run="first", task="t", seconds=1)
    plan = once(Fault("lost answer"), "POST" if store.url.startswith("gs") else "PUT")
    with suffering(proxy, plan):
        assert store.record_action(KEY, {"n": 2}, run="second", task="t", seconds=1)["run"] == "first"
        assert proxy.harmed() == 1


@pytest.mark.parametrize("operation", ["read", "look", "list", "create", "replace", "publish", "stage", "find_action"])
def test_a_server_that_says_nothing_is_given_up_in_time(
    store: Store, proxy: Proxy, tmp_path: Path, operation: str
) -> None:
    (tmp_path / "in").write_bytes(b"x" * 1000)
    backend = store._backend
    does: dict[str, Callable[[], object]] = {
        "read": lambda: backend.read("format"),
        "look": lambda: backend.look("format"),
        "list": lambda: list(backend.list("runs")),
        "create": lambda: backend.create("x", b"1"),
        "replace": lambda: backend.replace("x", b"1"),
        "publish": lambda: backend.publish(tmp_path / "in"),
        "stage": lambda: backend.stage("format", tmp_path / "out"),
        "find_action": lambda: store.find_action(KEY),
    }
    with suffering(proxy, always(Fault("black hole"))):
        took = []
        for _ in range(3):  # a machine that is busy with something else may hold one of them up
            begun = time.monotonic()
            with pytest.raises(StoreError) if operation != "find_action" else contextlib.nullcontext():
                does[operation]()
            took.append(time.monotonic() - begun)
            if took[-1] < 1.1 * DEADLINE:  # what is configured, and a tenth
                break
        else:
            pytest.fail(f"it took {took} seconds, and {DEADLINE} are configured")
    assert not (tmp_path / "out").exists()


def test_answers_that_stop_midway_leave_no_part_of_a_file(store: Store, proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(os.urandom(5_000_000))
    ref = store.put(tmp_path / "in", "file")
    with suffering(proxy, always(Fault("cut answer", 50_000))), pytest.raises(StoreError):
        store.fetch(ref, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    store.fetch(ref, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_a_file_that_changes_while_it_is_sent_is_not_kept(
    store: Store, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request after the file was read for its digest is when it changes."""
    (tmp_path / "in").write_bytes(b"0" * (2 * PART))

    def change(request):  # type: ignore[no-untyped-def]
        with (tmp_path / "in").open("r+b") as file:
            file.write(b"1")

    with suffering(proxy, change), pytest.raises(StoreError, match="changed while it was being kept"):
        store.put(tmp_path / "in", "file")
    assert not list(store._backend.list("objects"))


def test_a_server_that_lies_once_is_asked_again(store: Store, proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"0" * 5000)
    ref = store.put(tmp_path / "in", "file")
    with suffering(proxy, once(Fault("flip", 4000), "GET")):
        store.fetch(ref, tmp_path / "out")
        assert proxy.harmed() == 1
    assert (tmp_path / "out").read_bytes() == b"0" * 5000


def test_the_same_faults_spoil_the_files_of_who_uses_the_library_plainly(
    server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    """The control: without digests and whole files, what is cut stays cut and what is garbled stays garbled."""
    import fsspec

    fs = fsspec.filesystem(server.protocol)
    good, name = b"0" * 5_000_000, server.url("control").partition("://")[2]
    fs.pipe_file(name, good)
    fault = Fault("cut answer", 50_000) if server.protocol == "s3" else Fault("flip", 4_000_000)
    with suffering(proxy, always(fault)), contextlib.suppress(Exception):
        fs.get_file(name, str(tmp_path / "copy"))
    spoiled = (tmp_path / "copy").read_bytes()
    print(f"plain fsspec after {fault.kind}: {len(spoiled)} of {len(good)} bytes are there")
    assert spoiled != good
