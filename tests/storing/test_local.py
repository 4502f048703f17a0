from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lighterage.storing import Store, StoreError, open_store

from .contract import StoreContract

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="changes its user id, which only root may")


class TestLocal(StoreContract):
    @pytest.fixture
    def store(self, tmp_path_factory: pytest.TempPathFactory) -> Store:
        return open_store(str(tmp_path_factory.mktemp("a store")))

    def damage(self, store: Store, key: str, data: bytes | None) -> None:
        place = store.root / key
        place.unlink()
        if data is not None:
            place.write_bytes(data)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def test_a_file_url_is_the_folder(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/my store").record_action("ab" * 32, {}, run="one", task="t", seconds=0)
    assert open_store(str(tmp_path / "my store"), create=False).find_action("ab" * 32)


def test_a_folder_that_is_no_store_is_not_made_one_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        open_store(str(tmp_path / "none"), create=False)
    with pytest.raises(StoreError, match="is not a store"):
        open_store(str(tmp_path), create=False)
    assert not list(tmp_path.iterdir())


def test_a_store_of_another_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("lighterage/store/9\n")
    with pytest.raises(StoreError, match=r"format 'lighterage/store/9'; this version reads 'lighterage/store/1'"):
        open_store(str(tmp_path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["format"]


def test_objects_are_read_only_and_nothing_else_is_left(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x")
    store.put(tmp_path / "in", "file")
    store.put(tmp_path / "in", "file")
    [kept] = [place for place in (store.root / "objects").rglob("*") if place.is_file()]
    assert kept.stat().st_mode & 0o777 & ~0o444 == 0
    assert not list((store.root / "tmp").iterdir())


def test_a_damaged_object_is_kept_aside_for_whoever_wants_to_know_why(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"good")
    ref = store.put(tmp_path / "in", "file")
    kept = store.root / "objects/sha256" / ref.digest[7:9] / ref.digest[7:]
    kept.chmod(0o644)
    kept.write_bytes(b"evil")
    assert not store.verify(ref)
    [aside] = (store.root / "damaged").iterdir()
    assert aside.read_bytes() == b"evil" and not kept.exists()


AS_A_USER = """
import fcntl, os, sys
from pathlib import Path
from lighterage.schemas.record import ArtifactRef
from lighterage.storing import open_store
ArtifactRef(type="file", digest="", size=0)  # loads the rest: the libraries may lie where only root can look
os.setgid(65534)
os.setuid(65534)
here = Path(sys.argv[1])
store = open_store(str(here / "store"))
(here / "in").mkdir()
(here / "in/data").write_bytes(b"x" * 100)
(here / "in/run").write_bytes(b"y")
(here / "in/run").chmod(0o755)
ref = store.put(here / "in", "folder")
store.fetch(ref, here / "out")
print((here / "out/data").stat().st_nlink, (here / "out/run").stat().st_nlink)
try:
    (here / "out/data").write_bytes(b"z")
except PermissionError:
    print("refused")
print(store.verify(ref))
"""


@ROOT_ONLY
def test_a_user_gets_links_that_cannot_be_written_through() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, 65534, 65534)
        done = subprocess.run([sys.executable, "-c", AS_A_USER, place], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == ["2 1", "refused", "True"], done.stderr


def test_root_gets_a_copy_because_modes_do_not_stop_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x")
    store.fetch(store.put(tmp_path / "in", "file"), tmp_path / "out")
    assert (tmp_path / "out").stat().st_nlink == (1 if os.geteuid() == 0 else 2)


def test_running_tasks_append_to_their_log_in_the_store(store: Store) -> None:
    place = store.log_file("one", "train", 3)
    with place.open("ab") as file:
        file.write(b"epoch 1\n")
    with store.open_log("one", "train", 3) as file:
        assert file.read() == b"epoch 1\n"


def test_workspaces_of_the_dead_are_removed_and_of_the_living_kept(store: Store) -> None:
    mine = store.workspace()
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from lighterage.storing import open_store; print(open_store({store.url!r}).workspace())",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(dead) / "big").write_bytes(b"x")
    elsewhere = store.root / "work" / "999999999-othermachine-00"
    elsewhere.mkdir()
    assert mine.parent == Path(dead).parent == store.root / "work" and Path(dead).is_dir()
    open_store(store.url, create=False)
    assert Path(dead).is_dir(), "looking changes nothing"
    open_store(store.url)
    assert mine.is_dir() and elsewhere.is_dir() and not Path(dead).exists()


def test_opening_loads_no_storage_library() -> None:
    code = "import sys, lighterage.storing; print([name for name in ('fsspec', 'numpy') if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
