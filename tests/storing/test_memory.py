from __future__ import annotations

from uuid import uuid4

import pytest

from lighterage.storing import Store, StoreError, open_store

from .contract import StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(f"memory://{uuid4().hex}/store")

    def damage(self, store: Store, key: str, data: bytes | None) -> None:
        if data is None:
            store._backend._fs.rm_file(store._backend._path(key))
        else:
            store._backend.replace(key, data)


def test_the_same_url_is_the_same_store() -> None:
    url = f"memory://{uuid4().hex}"
    open_store(url).record_action("ab" * 32, {"n": 1}, run="one", task="t", seconds=0)
    assert open_store(url, create=False).find_action("ab" * 32)["run"] == "one"


def test_a_log_is_written_elsewhere_and_work_is_done_in_a_temporary_folder() -> None:
    store = open_store(f"memory://{uuid4().hex}")
    assert store.log_file("one", "t", 0) is None and store.root is None
    place = store.workspace()
    assert place.is_dir()
    place.rmdir()


@pytest.mark.parametrize("url", ["memory://", "memory://a/../b", "memory:///", "memory://u:p@host"])
def test_names_that_could_meet_another_store_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match="memory://|this is no store's URL"):
        open_store(url)
