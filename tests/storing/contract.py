"""What every store must do. A back end brings the fixture `store`, and a way to `damage` an object."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lighterage.schemas.plan import Plan
from lighterage.schemas.record import ArtifactRef, RunRecord, TaskRecord
from lighterage.storing import Damaged, MissingObject, Store, StoreError, pins
from lighterage.storing.backend import CHUNK, object_key
from lighterage.storing.collecting import Rules, collect

from .trees import contents, write_tree

KEY = "ab" * 32
FOLDER = {
    "plain.txt": b"hello",
    "empty": b"",
    "a b/ü/日本.bin": bytes(range(256)),
    "odd [x]*?#%20~-": b"1",
    "nothing here/": None,
    "deep/er/and/deeper/": None,
    "run.sh": b"#!/bin/sh\n",
}


class StoreContract:
    """Subclasses give `store` (a fixture) and `damage`."""

    def damage(self, store: Store, key: str, data: bytes | None) -> None:
        """Puts other bytes in an object's place, or takes it away."""
        raise NotImplementedError

    # --- artifacts ---

    def test_a_file_comes_back(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"weights")
        ref = store.put(tmp_path / "in", "file")
        store.fetch(ref, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == b"weights"
        assert (ref.type, ref.size, ref.tree) == ("file", 7, False)
        assert store.has(ref) and store.verify(ref)
        with store.open(ref) as file:
            assert file.read() == b"weights"

    def test_a_folder_comes_back_with_empty_files_folders_odd_names_and_modes(
        self, store: Store, tmp_path: Path
    ) -> None:
        write_tree(tmp_path / "in", FOLDER)
        (tmp_path / "in" / "run.sh").chmod(0o755)
        ref = store.put(tmp_path / "in", "folder")
        store.fetch(ref, tmp_path / "out")
        assert contents(tmp_path / "out") == FOLDER
        assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o111
        assert not (tmp_path / "out" / "plain.txt").stat().st_mode & 0o111
        assert ref.tree and ref.size == sum(len(data or b"") for data in FOLDER.values())

    def test_an_empty_folder_comes_back(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        store.fetch(store.put(tmp_path / "in", "folder"), tmp_path / "out")
        assert contents(tmp_path / "out") == {}

    def test_many_files_come_back(self, store: Store, tmp_path: Path) -> None:
        many = {f"{number}.bin": os.urandom(number) for number in range(100)}
        write_tree(tmp_path / "in", many)
        store.fetch(store.put(tmp_path / "in", "folder"), tmp_path / "out")
        assert contents(tmp_path / "out") == many

    def test_the_same_content_has_the_same_digest_whatever_the_dates_and_order(
        self, store: Store, tmp_path: Path
    ) -> None:
        write_tree(tmp_path / "one", FOLDER)
        write_tree(tmp_path / "two", dict(reversed(FOLDER.items())))
        os.utime(tmp_path / "two" / "empty", (1, 1))
        assert store.put(tmp_path / "one", "folder") == store.put(tmp_path / "two", "folder")

    @pytest.mark.parametrize("change", [{"plain.txt": b"hellO"}, {"more": b""}, {"void/": None}, {"Empty": b""}])
    def test_any_change_gives_another_digest(
        self, store: Store, tmp_path: Path, change: dict[str, bytes | None]
    ) -> None:
        write_tree(tmp_path / "one", FOLDER)
        write_tree(tmp_path / "two", FOLDER | change)
        one, two = (store.put(tmp_path / name, "folder") for name in ("one", "two"))
        assert one.digest != two.digest

    def test_composed_and_decomposed_names_stay_what_they_are(self, store: Store, tmp_path: Path) -> None:
        both = {"caf\u00e9": b"composed", "cafe\u0301": b"decomposed"}
        write_tree(tmp_path / "in", both)
        store.fetch(store.put(tmp_path / "in", "folder"), tmp_path / "out")
        assert contents(tmp_path / "out") == both

    def test_what_a_step_writes_into_its_copy_does_not_reach_the_store(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"original")
        ref = store.put(tmp_path / "in", "file")
        store.fetch(ref, tmp_path / "out")
        with contextlib.suppress(PermissionError):
            (tmp_path / "out").write_bytes(b"spoiled!")
        (tmp_path / "in").write_bytes(b"spoiled!")
        assert store.verify(ref)

    def test_fsspec_opens_the_uri(self, store: Store, tmp_path: Path) -> None:
        import fsspec

        (tmp_path / "in").write_bytes(b"by url")
        with fsspec.open(store.uri(store.put(tmp_path / "in", "file"))) as file:
            assert file.read() == b"by url"

    def test_a_place_that_is_taken_is_left_alone(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"new")
        ref = store.put(tmp_path / "in", "file")
        (tmp_path / "out").write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            store.fetch(ref, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == b"mine"

    def test_a_file_of_several_chunks_comes_back(self, store: Store, tmp_path: Path) -> None:
        data = os.urandom(2 * CHUNK + 1)
        (tmp_path / "in").write_bytes(data)
        store.fetch(store.put(tmp_path / "in", "file"), tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == data

    # --- what cannot be kept ---

    def test_what_is_not_there_cannot_be_kept(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="none is not there"):
            store.put(tmp_path / "none", "file")

    def test_links_pipes_and_sockets_are_refused(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "link").mkdir()
        (tmp_path / "link" / "escape").symlink_to("/etc/passwd")
        (tmp_path / "pipe").mkdir()
        os.mkfifo(tmp_path / "pipe" / "fifo")
        (tmp_path / "socket").mkdir()
        with socket.socket(socket.AF_UNIX) as listening:
            monkeypatch.chdir(tmp_path / "socket")  # a socket's path may have 107 bytes at most
            listening.bind("door")
        for place, reason in (
            ("link", "escape is a symbolic link"),
            ("link/escape", "escape is a symbolic link"),
            ("pipe", "fifo is neither a file nor a folder"),
            ("pipe/fifo", "fifo is neither a file nor a folder"),
            ("socket", "door is neither a file nor a folder"),
        ):
            with pytest.raises(StoreError, match=reason):
                store.put(tmp_path / place, "folder")

    @pytest.mark.parametrize("name", [b"a\nb", b"a\x1b[31mb", b"a\x7fb", b"\xff\xfe"])
    def test_names_that_would_garble_a_terminal_are_refused(self, store: Store, tmp_path: Path, name: bytes) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / os.fsdecode(name)).touch()
        with pytest.raises(StoreError, match="file name"):
            store.put(tmp_path / "in", "folder")

    @pytest.mark.parametrize("path", ["../out", "/etc/cron", "a/../../b", "", ".", "a//b", "x\0y"])
    def test_a_tree_that_leaves_its_folder_is_not_unpacked(self, store: Store, tmp_path: Path, path: str) -> None:
        data = json.dumps({"tree": [[path, 0, None, False]]}).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        store._backend.publish_bytes(digest.removeprefix("sha256:"), data)
        with pytest.raises(StoreError):
            store.fetch(ArtifactRef(type="folder", digest=digest, size=0, tree=True), tmp_path / "in" / "out")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", ".hidden", "a\nb", "x\0"])
    def test_names_of_runs_and_tasks_stay_inside_the_store(self, store: Store, name: str) -> None:
        for reach in (
            lambda: store.read_run(name),
            lambda: store.read_record("run", name),
            lambda: store.open_log(name, "task"),
            lambda: store.record_action(name, {}, run="run", task="task", seconds=0),
        ):
            with pytest.raises(StoreError, match="names no run"):
                reach()

    def test_a_digest_that_is_none_is_refused(self, store: Store, tmp_path: Path) -> None:
        bad = ArtifactRef(type="file", digest="sha256:../../../etc/passwd", size=1)
        for reach in (
            store.has,
            store.verify,
            store.open,
            store.uri,
            lambda ref: store.fetch(ref, tmp_path / "out"),
        ):
            with pytest.raises(StoreError, match="not a digest"):
                reach(bad)

    # --- damage ---

    @pytest.mark.parametrize("spoil", ["flip", "truncate", "empty", "delete"])
    @pytest.mark.parametrize("what", ["file", "tree", "file of a tree"])
    def test_damage_is_found_before_use_and_healed(self, store: Store, tmp_path: Path, what: str, spoil: str) -> None:
        place = tmp_path / "in"
        if what == "file":
            place.write_bytes(b"0123456789")
        else:
            write_tree(place, {"a": b"0123456789", "b": b"other"})
        ref = store.put(place, "any")
        inner = store.put(place / "a", "file").digest if what == "file of a tree" else ref.digest
        with store.open(ref.model_copy(update={"digest": inner})) as file:
            good = file.read()
        spoiled = {
            "flip": bytes([good[0] ^ 1]) + good[1:],
            "truncate": good[:-1],
            "empty": b"",
            "delete": None,
        }
        self.damage(store, object_key(inner), spoiled[spoil])

        assert spoil == "flip" or not store.has(ref)
        with pytest.raises(MissingObject if spoil == "delete" else Damaged):
            store.fetch(ref, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert not store.has(ref), "with the object put aside it is a miss"
        assert not store.verify(ref)

        assert store.put(place, "any") == ref
        store.fetch(ref, tmp_path / "out")
        assert store.verify(ref)

    def test_a_tree_with_a_letter_changed_is_damaged_though_it_still_reads(self, store: Store, tmp_path: Path) -> None:
        write_tree(tmp_path / "in", {"weights": b"1"})
        ref = store.put(tmp_path / "in", "folder")
        with store.open(ref) as file:
            self.damage(store, object_key(ref.digest), file.read().replace(b"weights", b"weight5"))
        with pytest.raises(Damaged):
            store.fetch(ref, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("spoiled", [b"012345678X", b"0123", None])
    def test_publishing_again_heals_what_nobody_noticed(
        self, store: Store, tmp_path: Path, spoiled: bytes | None
    ) -> None:
        (tmp_path / "in").write_bytes(b"0123456789")
        ref = store.put(tmp_path / "in", "file")
        self.damage(store, object_key(ref.digest), spoiled)
        store.put(tmp_path / "in", "file")
        assert store.verify(ref)

    # --- listing and removing ---

    def test_what_is_listed_has_its_size_and_a_date_of_now(self, store: Store, tmp_path: Path) -> None:
        before = time.time()
        write_tree(tmp_path / "in", {"a": b"12345", "b": b""})
        store.put(tmp_path / "in", "folder")
        found = {one.key: one for one in store.backend.entries("objects")}
        assert sorted(one.size for one in found.values())[:2] == [0, 5] and len(found) == 3
        for key, one in found.items():
            assert before - 2 < one.modified < time.time() + 2, "the clocks are the same machine's"
            alone = store.backend.look(key)
            assert alone and (alone.key, alone.size, alone.version) == (key, one.size, one.version)
            assert alone.modified == pytest.approx(one.modified, abs=1)
        assert sorted(found) == sorted(store.backend.list("objects"))
        assert not list(store.backend.entries("nothing")) and store.backend.look("nothing") is None

    def test_what_is_written_anew_has_another_version_in_a_bucket(self, store: Store) -> None:
        versions = []
        for data in (b"one", b"two", b"six"):
            store.backend.replace("x", data)
            versions.append(store.backend.look("x").version)  # type: ignore[union-attr]
        assert len(set(versions)) == (1 if store.root else 3)

    def test_what_is_removed_is_gone_and_removing_again_does_nothing(self, store: Store) -> None:
        store.record_action(KEY, {"n": 1}, run="one", task="train", seconds=1)
        for _ in range(2):
            store.backend.remove(f"actions/{KEY}.json")
            assert store.find_action(KEY) is None and not list(store.backend.list("actions"))
        assert store.record_action(KEY, {"n": 2}, run="two", task="train", seconds=1)["run"] == "two"

    def test_what_nothing_refers_to_is_collected_and_the_rest_stays(self, store: Store, tmp_path: Path) -> None:
        """With a grace of less than nothing, so that all there is counts as old."""
        for name in ("kept", "left"):
            write_tree(tmp_path / name, {"a": name.encode(), "b": b"shared"})
        kept, left = (store.put(tmp_path / name, "folder") for name in ("kept", "left"))
        outputs = {"made": kept.model_dump(mode="json")}
        store.record_action(KEY, outputs, run="one", task="train", seconds=1)
        store.record_action("cd" * 32, {"n": 1}, run="gone", task="train", seconds=1)
        store.write_record(TaskRecord(run="one", task="train", status="succeeded", key=KEY, outputs=outputs))
        freed = collect(store, Rules(runs=1), grace=-5)
        assert (freed.runs, freed.results, freed.objects) == (["one"], 2, 5), "records without a run are of none"

        kept, left = (store.put(tmp_path / name, "folder") for name in ("kept", "left"))
        store.record_action(KEY, outputs, run="one", task="train", seconds=1)
        store.write_record(TaskRecord(run="one", task="train", status="succeeded", key=KEY, outputs=outputs))
        store.write_run(RunRecord(run="one", workflow="w", environment="e", started=1, status="succeeded", engine="1"))
        freed = collect(store, Rules(runs=1), grace=-5)
        assert (freed.runs, freed.results, freed.objects) == ([], 0, 2)
        assert store.verify(kept) and store.find_action(KEY) and not store.has(left)
        assert not list(store.backend.list("collecting"))

    def test_what_is_old_is_pinned_when_it_is_published_again(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "in").write_bytes(b"weights")
        ref = store.put(tmp_path / "in", "file")
        assert not list(store.backend.list("pins")), "what is young needs none"
        monkeypatch.setattr(pins, "YOUNG", -5.0)
        assert store.put(tmp_path / "in", "file") == ref
        assert list(store.backend.list("pins")) == [pins.pin_of(object_key(ref.digest))]

    # --- actions ---

    def test_the_first_result_stays(self, store: Store) -> None:
        first = store.record_action(KEY, {"n": 1}, run="one", task="train", seconds=2.5)
        second = store.record_action(KEY, {"n": 2}, run="two", task="train", seconds=1.0)
        assert first == second == store.find_action(KEY)
        assert first.keys() == {"outputs", "run", "task", "seconds", "created"}
        assert (first["outputs"], first["run"], first["seconds"]) == ({"n": 1}, "one", 2.5)
        assert abs(first["created"] - time.time()) < 60

    def test_of_eight_at_once_one_result_stays(self, store: Store) -> None:
        together = threading.Barrier(8)

        def record(number: int) -> str:
            together.wait()
            return store.record_action(KEY, {"n": number}, run=f"run-{number}", task="t", seconds=1)["run"]

        with ThreadPoolExecutor(8) as pool:
            winners = set(pool.map(record, range(8)))
        assert winners == {store.find_action(KEY)["run"]}

    def test_a_result_is_replaced_when_asked_for(self, store: Store) -> None:
        store.record_action(KEY, {"n": 1}, run="one", task="train", seconds=1)
        assert store.record_action(KEY, {"n": 2}, run="two", task="train", seconds=1, replace=True)["run"] == "two"
        assert store.find_action(KEY)["outputs"] == {"n": 2}

    def test_a_result_gives_way_when_its_objects_are_gone(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"gone soon")
        outputs = {"model": store.put(tmp_path / "in", "model").model_dump(mode="json")}
        store.record_action(KEY, outputs, run="one", task="train", seconds=1)
        self.damage(store, object_key(outputs["model"]["digest"]), None)
        assert store.record_action(KEY, {"n": 2}, run="two", task="train", seconds=1)["run"] == "two"

    @pytest.mark.parametrize("torn", [b"", b'{"outputs": {"n"', b"[]", b"\xff", b"[" * 100_000, b'{"outputs": {}}'])
    def test_a_torn_action_is_a_miss_and_healed(self, store: Store, torn: bytes) -> None:
        store.record_action(KEY, {"n": 1}, run="one", task="train", seconds=1)
        store._backend.replace(f"actions/{KEY}.json", torn)
        assert store.find_action(KEY) is None
        store.record_action(KEY, {"n": 2}, run="two", task="train", seconds=1)
        assert store.find_action(KEY)["run"] == "two"

    # --- runs ---

    def test_records_come_back(self, store: Store) -> None:
        kept = [
            TaskRecord(run="one", task="train", index=index, status="succeeded", outputs={"n": index})
            for index in (0, 1)
        ]
        for record in kept:
            store.write_record(record)
        assert store.read_record("one", "train", 1) == kept[1]
        assert sorted(store.records("one"), key=lambda record: record.index) == kept
        assert store.read_record("one", "train", 2) is None and not list(store.records("two"))

    def test_runs_come_newest_first(self, store: Store) -> None:
        assert store.runs() == [] and store.read_run("early") is None
        for name, started in (("late", 30.0), ("early", 10.0), ("middle", 20.0)):
            store.write_run(
                RunRecord(run=name, workflow="w", environment="e", started=started, status="running", engine="1")
            )
        assert [run.run for run in store.runs()] == ["late", "middle", "early"]

    def test_a_plan_comes_back(self, store: Store) -> None:
        plan = Plan(workflow="digits", environment="laptop", store="s", arguments={"epochs": 3})
        store.write_plan("one", plan)
        assert store.read_plan("one") == plan and store.read_plan("two") is None

    def test_a_record_of_another_version_is_refused_by_name(self, store: Store) -> None:
        store._backend.replace("runs/one/run.json", b'{"format": "lighterage/run/9", "run": "one"}')
        with pytest.raises(StoreError, match=r"runs/one/run\.json cannot be read by this version"):
            store.read_run("one")

    def test_logs_are_kept(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "log").write_bytes(b"epoch 1\n\xff\x1b[31m")
        store.put_log("one", "train", 0, tmp_path / "log")
        with store.open_log("one", "train", 0) as file:
            assert file.read() == b"epoch 1\n\xff\x1b[31m"
        with pytest.raises(FileNotFoundError):
            store.open_log("one", "train", 1)
