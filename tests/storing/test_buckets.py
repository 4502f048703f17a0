"""Stores in buckets hold the same contract, on real servers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from lighterage.storing import Store, StoreError, open_store
from lighterage.storing.backend import object_key
from lighterage.storing.client import PART

from .contract import StoreContract
from .servers import Server, azurite, fake_gcs, moto, versitygw

DATES = ("LastModified", "updated", "last_modified")
THERE_AND_BACK = """
import resource, sys
from pathlib import Path
from lighterage.storing import open_store
url, source, copy = sys.argv[1:]
store = open_store(url)
store.fetch(store.put(Path(source), "file"), Path(copy))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def cache_control(uri: str) -> str | None:
    """As others read it."""
    fs, place = fsspec.core.url_to_fs(uri)
    if uri.startswith("s3"):
        bucket, _, key = place.partition("/")
        return fs.call_s3("head_object", Bucket=bucket, Key=key).get("CacheControl")
    info = fs.info(place)
    return info["content_settings"]["cache_control"] if uri.startswith("az") else info.get("cacheControl")


class BucketContract(StoreContract):
    """What is damaged is written by the same client, without the mark of whoever checked its digest."""

    @pytest.fixture
    def store(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Store:
        server.lead_to(monkeypatch)
        return open_store(server.url(f"a-store/{uuid4().hex}"))

    def damage(self, store: Store, key: str, data: bytes | None) -> None:
        if data is None:
            store._backend.set_aside(key)
        else:
            store._backend.replace(key, data)

    def test_a_file_of_several_parts_comes_back_and_heals(self, store: Store, tmp_path: Path) -> None:
        data = os.urandom(2 * PART + 1)
        (tmp_path / "in").write_bytes(data)
        ref = store.put(tmp_path / "in", "file")
        store.fetch(ref, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == data and store.verify(ref)
        with store.open(ref) as file:
            assert file.read(10) == data[:10] and file.read() == data[10:]
        self.damage(store, object_key(ref.digest), data[:-1] + bytes([data[-1] ^ 1]))
        assert store.put(tmp_path / "in", "file") == ref
        store.fetch(ref, tmp_path / "again")

    def test_what_is_there_is_not_sent_again(self, store: Store, tmp_path: Path) -> None:
        """Its date tells."""
        (tmp_path / "in").write_bytes(os.urandom(PART + 1))
        ref = store.put(tmp_path / "in", "file")
        uri, fs = store.uri(ref), fsspec.filesystem(store.url.partition(":")[0])
        before = fs.info(uri)
        time.sleep(1.1)  # dates are of whole seconds
        store.put(tmp_path / "in", "file")
        fs.invalidate_cache()
        after = fs.info(uri)
        assert [before.get(name) for name in DATES] == [after.get(name) for name in DATES]
        assert any(name in before for name in DATES)

    def test_caches_before_a_bucket_ask_again_for_what_may_change(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"never changes")
        ref = store.put(tmp_path / "in", "file")
        store._backend.replace("fleet/motion/stable.json", b"{}")
        assert cache_control(f"{store.url}/fleet/motion/stable.json") == "no-cache"
        assert cache_control(f"{store.url}/format") == "no-cache"
        assert cache_control(store.uri(ref)) in (None, "")

    def test_a_large_log_comes_back(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "log").write_bytes(b"epoch\n" * (PART // 5))
        store.put_log("one", "train", 0, tmp_path / "log")
        with store.open_log("one", "train") as file:
            assert sum(len(line) for line in file) == (tmp_path / "log").stat().st_size

    def test_memory_does_not_grow_with_the_file(self, store: Store, tmp_path: Path) -> None:
        peaks = []
        for parts in (6, 20):
            with (tmp_path / "in").open("wb") as file:
                for _ in range(parts):
                    file.write(os.urandom(PART))
            command = [
                sys.executable,
                "-c",
                THERE_AND_BACK,
                store.url,
                str(tmp_path / "in"),
                str(tmp_path / f"{parts}"),
            ]
            peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        assert peaks[1] - peaks[0] < 5 * PART, f"{peaks} bytes at most, for 6 parts and for 20"

    def test_a_bucket_that_is_not_there_is_named(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        server.lead_to(monkeypatch)
        with pytest.raises(StoreError, match=f"{server.protocol}://no-such-bucket"):
            open_store(f"{server.protocol}://no-such-bucket/x")


class TestMoto(BucketContract):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[Server]:
        with moto() as server:
            yield server


class TestVersitygw(BucketContract):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
            yield server


class TestFakeGcs(BucketContract):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        with fake_gcs(tmp_path_factory.mktemp("gcs")) as server:
            yield server


class TestAzurite(BucketContract):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        with azurite(tmp_path_factory.mktemp("azurite")) as server:
            yield server
