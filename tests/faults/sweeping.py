"""F2: killed, or refused by the disk, at the first, the second, … the last thing that is done to a store."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from lighterage.storing import Store, open_store

from ..conftest import Project
from ..storing.proxy import Fault as Harm
from ..storing.proxy import Proxy, Request
from ..storing.servers import BUCKET, Server, moto
from ..storing.test_faults import leftovers, torn
from ..storing.trees import Tree, contents, write_tree
from .fault import Fault, Result

KEY = "5e" * 32
TREE: Tree = {"a": b"1" * 200_000, "b/c": b"2" * 10, "b/d": b"", "empty/": None}
_MANY = 20_000
"""operations, more than there are"""
_TOUCHING = {
    "open",
    "os.link",
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.listdir",
    "os.scandir",
    "os.chmod",
}
"""Python tells of each of these before it is done; fsync is added below"""


# --- a local store, operation by operation ---


class Disk:
    """Counts what this process and those that it forks do below a folder, and does harm at one of them.

    The count is a pipe with a byte for each operation that goes well, so that no two processes take the same.
    """

    def __init__(self, below: Path, left: int, harm: Callable[[], None]) -> None:
        self._below = os.fsencode(below)
        self._left = left
        self._harm = harm
        fsync = os.fsync

        def counted(handle: int) -> None:
            self._count()
            fsync(handle)

        os.fsync = counted  # type: ignore[assignment]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _TOUCHING and any(self._is_below(one) for one in arguments):
            self._count()

    def _is_below(self, place: object) -> bool:
        return isinstance(place, str | bytes | os.PathLike) and os.fsencode(place).startswith(self._below)

    def _count(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if os.read(self._left, 1) == b"x":
                self._harm()


def operations(well: int) -> int:
    """A pipe to read before each operation: dots for those that go well, then an x."""
    left, write = os.pipe()
    os.set_blocking(left, False)
    os.write(write, b"." * well + b"x")
    os.close(write)
    return left


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse() -> None:
    raise OSError(errno.EIO, "Input/output error")


def _publish(store: Path, folder: Path) -> None:
    opened = open_store(str(store))
    ref = opened.put(folder, "folder")
    opened.record_action(KEY, {"tree": ref.model_dump(mode="json")}, run="one", task="t", seconds=0)


def _publish_in_place(store: Path, folder: Path) -> None:
    """The naive way: the record, then every file under its final name, a piece at a time."""
    store.mkdir()
    (store / "done").write_text("t")
    for source in sorted(folder.rglob("*")):
        if source.is_file():
            data = source.read_bytes()
            with (store / source.name).open("wb") as file:
                for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
                    file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())


def _in_child(
    work: Callable[[Path, Path], None], store: Path, folder: Path, well: int, harm: Callable[[], None]
) -> tuple[int, int]:
    """Does ``work`` in a fork until harm is done to it; returns how it ended (0 well, 1 by an error, -9 killed), and
    the operations that it did."""
    left = operations(well)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Disk(store, left, harm)
            work(store, folder)
            code = 0
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done = well + 1 - len(os.read(left, well + 1))
    os.close(left)
    return ended, done


def sweep_a_local_store(seed: int, rounds: int, folder: Path) -> Result:
    """``rounds`` is the step of the sweep: 1 is every operation. No chance in it."""
    result = Result()
    write_tree(folder / "in", TREE)
    _, count = _in_child(_publish, folder / "counted", folder / "in", _MANY, _die)
    result.note = f"{count} operations, each killed and each refused"
    for harm in (_die, _refuse):
        for well in range(0, count, rounds):
            place = folder / f"store-{harm.__name__}-{well}"
            with result.round(f"operation {well + 1}, {harm.__name__}"):
                ended, _ = _in_child(_publish, place, folder / "in", well, harm)
                assert ended or harm is _refuse, "no harm was done"
                _recovers(place, folder)
    _, count = _in_child(_publish_in_place, folder / "plainly", folder / "in", _MANY, _die)
    for well in range(count):
        place = folder / f"plainly-{well}"
        _in_child(_publish_in_place, place, folder / "in", well, _die)
        kept = {file.name: file.read_bytes() for file in place.glob("*")} if place.exists() else {}
        result.naive("done" in kept and {"a": TREE["a"], "c": TREE["b/c"], "d": b"", "done": b"t"} != kept)
    return result


def _recovers(place: Path, folder: Path) -> None:
    """What is visible is whole; the same again succeeds; nothing is left over."""
    assert not torn(place), "torn"
    store = open_store(str(place))
    action = store.find_action(KEY)
    _means_what_it_says(store, action)
    ref = store.put(folder / "in", "folder")
    kept = store.record_action(KEY, {"tree": ref.model_dump(mode="json")}, run="two", task="t", seconds=0)
    assert kept["outputs"]["tree"]["digest"] == ref.digest, "the record names something else"
    assert store.verify(ref) and not torn(place) and not leftovers(place), "not healed"


def _means_what_it_says(store: Store, action: dict | None) -> None:
    if action is not None:
        from lighterage.schemas.record import ArtifactRef

        assert store.verify(ArtifactRef.model_validate(action["outputs"]["tree"])), "a record before its objects"


# --- a whole run, operation by operation ---

STEPS = {
    "make": (
        "def make(rows):\n    rows.path.mkdir()\n    (rows.path / 'a').write_text('7')",
        "{}",
        "{rows: {type: folder}}",
    ),
    "read": (
        "def read(rows):\n    return int((rows.path / 'a').read_text())",
        "{rows: {type: folder}}",
        "{number: {type: integer}}",
    ),
}
RUN = """
import os, sys
from pathlib import Path
from tests.faults.sweeping import Disk, operations, _die, _refuse
left = operations(int(sys.argv[2]))
Disk(Path(sys.argv[1]), left, {"die": _die, "refuse": _refuse}[sys.argv[3]])
from lighterage.cli import main
sys.argv = ["lighterage", "run", "flow.yaml", "--store", sys.argv[1], "--quiet"]
try:
    code = main()
finally:
    print("left", len(os.read(left, 1 << 16)))
sys.exit(code)
"""


def sweep_a_run(seed: int, rounds: int, folder: Path) -> Result:
    """Every ``rounds``-th operation on the store of the processes of a run, whichever of them does it."""
    project, result = Project(folder), Result()
    for name, (code, inputs, outputs) in STEPS.items():
        project.step(name, code, inputs, outputs)
    flow = project.workflow('a: {uses: ./make}\nb: {uses: ./read, with: {rows: "${a.rows}"}}')
    assert project.run(flow, "--store", "calm")["by"]["b"]["outputs"] == {"number": 7}
    count = _MANY + 1 - int(_run_harmed(folder, folder / "counted", _MANY, "die").stdout.split()[-1])
    result.note = f"{count} operations"
    harmed = 0
    for well in range(0, count, rounds):
        kind = ("die", "refuse")[well % 2]
        store = folder / f"store-{well}"
        with result.round(f"operation {well + 1}, {kind}"):
            first = _run_harmed(folder, store, well, kind)
            harmed += first.returncode != 0
            assert "\nTraceback" not in f"\n{first.stderr}" or kind == "die", first.stderr
            assert not torn(store), "torn"
            told = project.run(flow, "--store", str(store))
            assert told["by"]["b"]["outputs"] == {"number": 7}, f"another result: {told['by']['b']}"
            assert not torn(store) and not leftovers(store), "not healed"
    result.note += f", {harmed} runs of {result.rounds} ended by it"
    return result


def _run_harmed(folder: Path, store: Path, well: int, kind: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"}
    command = [sys.executable, "-c", RUN, str(store), str(well), kind]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


# --- a bucket, request by request ---

UPLOAD = """
import sys
from pathlib import Path
from tests.faults.sweeping import KEY
from lighterage.storing import open_store, StoreError
try:
    store = open_store(sys.argv[1])
    ref = store.put(Path(sys.argv[2]), "folder")
    store.record_action(KEY, {"tree": ref.model_dump(mode="json")}, run="one", task="t", seconds=0)
except StoreError as error:
    sys.exit(str(error))
"""
UPLOAD_PLAINLY = f"""
import os, sys, urllib.request
from pathlib import Path
for name in ["done", *sorted(os.listdir(sys.argv[2]))]:
    place = Path(sys.argv[2]) / name
    data = place.read_bytes() if place.is_file() else b""
    at = f"{{os.environ['AWS_ENDPOINT_URL']}}/{BUCKET}/{{sys.argv[1].rpartition('/')[2]}}/{{name}}"
    urllib.request.urlopen(urllib.request.Request(at, data, {{"x-amz-acl": "public-read"}}, method="PUT"))
"""
"""The record first, as who writes a manifest and then the files."""


def sweep_a_bucket(seed: int, rounds: int, folder: Path) -> Result:
    """The client is killed when its k-th request arrives, or when that has been answered; or the server refuses from
    the k-th request on. ``rounds`` is the step of the sweep."""
    pytest.importorskip("obstore", reason="obstore is not installed")
    result = Result()
    write_tree(folder / "in", TREE)
    with moto() as server, Proxy(server.port) as proxy, pytest.MonkeyPatch.context() as patch:
        server.lead_to(patch, proxy.port)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("LIGHTERAGE_STORE_TIMEOUT", "2")
        requests = _uploaded(proxy, server, UPLOAD, "whole", folder, None)
        for kind in ("killed before", "killed after", "refused"):
            for number in range(0, requests, rounds):
                with result.round(f"request {number + 1}, {kind}"):
                    _swept(proxy, server, folder, f"{kind}-{number}".replace(" ", "-"), number, kind)
        result.note = f"{requests} requests, each killed before, killed after, refused"
        plainly = _uploaded(proxy, server, UPLOAD_PLAINLY, "plainly", folder, None)
        for number in range(plainly):
            name = f"plainly-{number}"
            _uploaded(proxy, server, UPLOAD_PLAINLY, name, folder, ("killed before", number))
            result.naive(0 < _there(server, name) < plainly)
    return result


def _swept(proxy: Proxy, server: Server, folder: Path, name: str, number: int, kind: str) -> None:
    _uploaded(proxy, server, UPLOAD, name, folder, (kind, number))
    proxy.plan = lambda request: None
    store = open_store(server.url(name))
    _means_what_it_says(store, store.find_action(KEY))
    ref = store.put(folder / "in", "folder")
    kept = store.record_action(KEY, {"tree": ref.model_dump(mode="json")}, run="two", task="t", seconds=0)
    assert kept["outputs"]["tree"]["digest"] == ref.digest, "the record names something else"
    store.fetch(ref, folder / f"out-{name}")
    assert contents(folder / f"out-{name}") == TREE, "another tree came back"


def _uploaded(proxy: Proxy, server: Server, code: str, name: str, folder: Path, harm: tuple[str, int] | None) -> int:
    """Requests that were made; the harm is done at the one with that number."""
    kind, at = harm or ("", -1)
    victim: list[subprocess.Popen[bytes]] = []

    def plan(request: Request) -> Harm | None:
        if kind == "refused":
            return Harm("status", 503) if request.number >= at else None
        if request.number == at:
            victim[0].kill()
            return Harm("reset") if kind == "killed before" else None
        return None

    proxy.seen, proxy.plan = [], plan
    command = [sys.executable, "-c", code, server.url(name), str(folder / "in")]
    victim.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    victim[0].wait(timeout=60)
    return len(proxy.seen)


def _there(server: Server, name: str) -> int:
    """How many of the objects of the plain way are there."""
    found = 0
    for object in ("done", "a", "b", "empty"):
        at = f"http://127.0.0.1:{server.port}/{BUCKET}/{name}/{object}"
        with contextlib.suppress(OSError), urllib.request.urlopen(at, timeout=30):
            found += 1
    return found


FAULTS = [
    Fault("F2a", "killed or refused at every operation on a local store", sweep_a_local_store, 1, 20),
    Fault("F2b", "killed or refused at every operation on the store of a whole run", sweep_a_run, 1, 60),
    Fault("F2c", "killed or refused at every request to an S3 server", sweep_a_bucket, 1, 8),
]
