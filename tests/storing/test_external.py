"""Data in buckets that is nobody's store, on real servers: what there is, and copies of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lighterage.schemas import BadInput
from lighterage.storing import StoreError
from lighterage.storing.client import PART
from lighterage.storing.external import External

from .proxy import Fault, Proxy, Request, always, once
from .servers import SERVERS, Server
from .trees import contents


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a folder in which there is nothing yet."""
    server.lead_to(monkeypatch)
    return server.url(uuid4().hex)


def put(url: str, data: bytes) -> None:
    """As others put data there."""
    import fsspec

    fs, place = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    fs.pipe_file(place if not url.endswith("/") else f"{place}/", data)


def names(url: str) -> list[str]:
    return [one.key for one in External(url).objects()]


def versions(url: str) -> list[str]:
    return [one.version for one in External(url).objects()]


def test_an_object_and_a_folder_of_them(url: str) -> None:
    put(f"{url}/data/b/2.csv", b"two")
    put(f"{url}/data/1.csv", b"1")
    put(f"{url}/data-of-others/1.csv", b"")
    assert [(one.key, one.size) for one in External(f"{url}/data").objects()] == [("1.csv", 1), ("b/2.csv", 3)]
    assert [(one.key, one.size) for one in External(f"{url}/data/1.csv").objects()] == [("", 1)]
    assert External(f"{url}/data").objects()[0].version == External(f"{url}/data/1.csv").objects()[0].version
    assert f"{url.rpartition('/')[2]}/data/1.csv" in names(url.rpartition("/")[0]), "a whole bucket is a folder"


def test_other_content_of_the_same_size_is_another_version(url: str) -> None:
    put(f"{url}/a", b"one")
    file, folder = versions(f"{url}/a"), versions(url)
    put(f"{url}/a", b"two")
    assert file != versions(f"{url}/a") and folder != versions(url)


def test_where_there_is_nothing(url: str) -> None:
    with pytest.raises(BadInput, match=f"there is nothing at {url}"):
        External(url).objects()


def test_what_consoles_make_of_folders_is_no_data(server: Server, url: str, tmp_path: Path) -> None:
    if server.protocol == "az":
        pytest.skip("adlfs cannot write an object whose name ends with a slash")
    put(f"{url}/", b"")
    put(f"{url}/more/", b"")
    put(f"{url}/more/a", b"1")
    assert names(url) == ["more/a"]
    assert contents(External(url).copy(tmp_path)) == {"more/a": b"1"}


def test_copies(url: str, tmp_path: Path) -> None:
    large = os.urandom(2 * PART + 1)
    files = {"a b/é.csv": b"1", "empty": b"", "large": large}
    for name, data in files.items():
        put(f"{url}/{name}", data)
    (tmp_path / "one").mkdir()
    file, folder = External(f"{url}/large").copy(tmp_path / "one"), External(url).copy(tmp_path)
    assert (file.name, file.read_bytes()) == ("large", large)
    assert contents(folder) == files


def test_a_large_object_that_changes_while_it_is_copied(
    server: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{url}/large", b"1" * (PART + 1))
    bytes_asked_for = []

    def change_it(request: Request) -> None:
        """Before the second answer with bytes of it."""
        if (
            request.method == "GET"
            and "large" in request.path
            and ("alt=media" in request.path or server.protocol != "gs")
        ):
            bytes_asked_for.append(request)
            if len(bytes_asked_for) == 2:
                server.lead_to(monkeypatch)
                put(f"{url}/large", b"2" * (PART + 1))

    with Proxy(server.port, change_it) as proxy:
        server.lead_to(monkeypatch, proxy.port)
        with pytest.raises(StoreError, match="large changed while it was being read"):
            External(f"{url}/large").copy(tmp_path)
    assert len(bytes_asked_for) == 2


def test_a_server_that_says_nothing_is_given_up(
    server: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{url}/a", b"one")
    monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", "1")
    with Proxy(server.port) as proxy:
        server.lead_to(monkeypatch, proxy.port)
        proxy.plan = always(Fault("black hole"))
        for ask in (External(f"{url}/a").objects, lambda: External(url).copy(tmp_path)):
            with pytest.raises(StoreError):
                ask()
        proxy.seen, proxy.plan = [], once(Fault("status", 503), "GET" if server.protocol == "gs" else "HEAD")
        assert names(f"{url}/a") == [""] and proxy.harmed() == 1, "what passes is tried again"


@pytest.mark.parametrize("name", ["../a", "x/../../a"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

    MemoryFileSystem.store[f"/odd/data/{name}"] = MemoryFile(data=b"1")
    try:
        with pytest.raises(BadInput, match="unusable name"):
            External("memory://odd/data").copy(tmp_path)
    finally:
        MemoryFileSystem.store.pop(f"/odd/data/{name}")
    assert not list(tmp_path.iterdir())
