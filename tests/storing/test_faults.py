"""Processes that race, are killed, or run out of disk. Long: `KILLS=200 pytest -m faults tests/storing`."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighterage.storing import Damaged, Store, StoreError, open_store

from .trees import write_tree

pytestmark = pytest.mark.faults
KILLS = int(os.environ.get("KILLS", "20"))
KEY = "cd" * 32


def torn(store: Path) -> list[Path]:
    """Objects whose content is not what their name says."""
    objects = [place for place in (store / "objects").rglob("*") if place.is_file()]
    return [place for place in objects if hashlib.sha256(place.read_bytes()).hexdigest() != place.name]


def leftovers(store: Path) -> list[Path]:
    return list((store / "tmp").iterdir())


RACER = """
import sys, time
from pathlib import Path
from lighterage.storing import open_store
url, folder, number, start = sys.argv[1:]
time.sleep(max(0, float(start) - time.time()))
store = open_store(url)
ref = store.put(Path(folder), "folder")
outputs = {"tree": ref.model_dump(mode="json")}
print(store.record_action("KEY", outputs, run=f"run-{number}", task="t", seconds=0)["run"])
store.fetch(ref, Path(url).parent / f"out-{number}")
""".replace("KEY", KEY)


@pytest.mark.parametrize("round", range(3))
def test_eight_processes_publish_the_same_and_one_wins(tmp_path: Path, round: int) -> None:
    write_tree(tmp_path / "in", {f"{number}": bytes([number]) * 20_000 for number in range(40)})
    store, start = tmp_path / "store", time.time() + 2
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(store), str(tmp_path / "in"), str(number), str(start)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    said = [racer.communicate(timeout=120) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 8, said
    assert len({winner for winner, _ in said}) == 1
    assert open_store(str(store)).find_action(KEY)["run"] == said[0][0].strip()
    assert not torn(store) and not leftovers(store)


PUBLISH = """
import sys
from pathlib import Path
from lighterage.storing import open_store
store = open_store(sys.argv[1])
print("go", flush=True)
ref = store.put(Path(sys.argv[2]), "folder")
store.record_action("KEY", {"tree": ref.model_dump(mode="json")}, run="one", task="t", seconds=0)
""".replace("KEY", KEY)

NAIVE = """
import hashlib, sys
from pathlib import Path
print("go", flush=True)
for source in sorted(Path(sys.argv[2]).iterdir()):
    data = source.read_bytes()
    place = Path(sys.argv[1]) / "objects" / hashlib.sha256(data).hexdigest()
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb", buffering=65536) as file:
        for start in range(0, len(data), 65536):
            file.write(data[start:start + 65536])
"""


def kill_midway(code: str, store: Path, folder: Path, after: float) -> None:
    with subprocess.Popen([sys.executable, "-c", code, str(store), str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)


def duration(code: str, store: Path, folder: Path) -> float:
    """Seconds of the part that will be killed, undisturbed."""
    with subprocess.Popen([sys.executable, "-c", code, str(store), str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        process.wait()
    return time.monotonic() - begun


@pytest.fixture
def big(tmp_path: Path) -> Path:
    write_tree(tmp_path / "in", {f"{number}.bin": bytes([number]) * 4_000_000 for number in range(12)})
    return tmp_path / "in"


def test_killed_at_any_moment_nothing_torn_is_visible_and_the_next_try_succeeds(tmp_path: Path, big: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed} KILLS={KILLS}")
    moments, unfinished = random.Random(seed), 0
    span = duration(PUBLISH, tmp_path / "undisturbed", big)
    for number in range(KILLS):
        place = tmp_path / f"store-{number}"
        kill_midway(PUBLISH, place, big, moments.uniform(0, span))
        assert not torn(place)
        store = open_store(str(place))
        action = store.find_action(KEY)
        unfinished += action is None
        ref = store.put(big, "folder")
        assert store.verify(ref) and not leftovers(place)
        assert action is None or action["outputs"]["tree"]["digest"] == ref.digest
    assert unfinished, "no kill fell into the work: this test showed nothing"


def test_the_same_kills_tear_a_store_that_writes_in_place(tmp_path: Path, big: Path) -> None:
    """The control: were this one never torn, the test above could not fail."""
    span = duration(NAIVE, tmp_path / "undisturbed", big)
    moments = random.Random(1)
    for number in range(200):
        place = tmp_path / f"store-{number}"
        kill_midway(NAIVE, place, big, moments.uniform(0, span))
        if torn(place):
            return
    pytest.fail("200 kills tore nothing")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(small_disk: Path, tmp_path: Path) -> None:
    store = open_store(str(small_disk / "store"))
    (tmp_path / "large").write_bytes(b"x" * 5_000_000)
    (tmp_path / "fits").write_bytes(b"y" * 1_000_000)
    with pytest.raises(StoreError, match=rf"{small_disk}/store: No space left.*large \(5,000,000 bytes\)"):
        store.put(tmp_path / "large", "file")
    assert not torn(store.root) and not leftovers(store.root)
    assert store.verify(store.put(tmp_path / "fits", "file"))


def test_no_room_for_the_copy_leaves_no_part_of_it(small_disk: Path, tmp_path: Path) -> None:
    store: Store = open_store(str(tmp_path / "store"))
    (tmp_path / "large").write_bytes(b"x" * 5_000_000)
    ref = store.put(tmp_path / "large", "file")
    with pytest.raises(StoreError, match="No space left"):
        store.fetch(ref, small_disk / "copy")
    assert not list(small_disk.iterdir()) and store.verify(ref)


def test_a_read_only_store_answers_and_says_why_it_cannot_keep(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"kept")
    ref = open_store(str(small_disk / "store")).put(tmp_path / "in", "file")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store = open_store(str(small_disk / "store"))
    store.fetch(ref, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"kept"
    assert store.find_action(KEY) is None
    for write in (
        lambda: store.put(tmp_path / "out", "file"),
        lambda: store.log_file("one", "t", 0),
        store.workspace,
    ):
        with pytest.raises(StoreError, match="Read-only file system"):
            write()


def test_a_hundred_damages_are_all_found_before_use(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    write_tree(tmp_path / "in", {f"{number}": chance.randbytes(1 + chance.randrange(3000)) for number in range(8)})
    for number in range(100):
        ref = store.put(tmp_path / "in", "folder")
        place = chance.choice([place for place in (store.root / "objects").rglob("*") if place.is_file()])
        data = bytearray(place.read_bytes())
        place.unlink()
        match number % 3:
            case 0:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                place.write_bytes(data)
            case 1:
                place.write_bytes(data[: chance.randrange(len(data))])
        with pytest.raises(Damaged):
            store.fetch(ref, tmp_path / "out")
        assert not (tmp_path / "out").exists() and not store.has(ref)
