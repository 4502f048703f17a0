"""A store in this process's memory, in fsspec's own `memory://` file system: for tests and notebooks."""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .backend import Listed, object_key
from .pins import lasts

_LOCK = threading.Lock()


class MemoryBackend:
    """Keys are files of fsspec's memory file system, so that its URLs work everywhere in the process."""

    root: Path | None = None
    parallel = 1

    def __init__(self, url: str) -> None:
        from fsspec.implementations.memory import MemoryFileSystem

        self.url = url.rstrip("/")
        self._fs = MemoryFileSystem()
        self._folder = "/" + self.url.removeprefix("memory://").strip("/")

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}"

    def read(self, key: str) -> bytes:
        return self._fs.cat_file(self._path(key))

    def create(self, key: str, data: bytes, *, sync: bool = True) -> bool:
        with _LOCK:
            if self._fs.exists(self._path(key)):
                return False
            self._fs.pipe_file(self._path(key), data)
            return True

    def replace(self, key: str, data: bytes) -> None:
        self._fs.pipe_file(self._path(key), data)

    def replace_file(self, key: str, source: Path) -> None:
        self.replace(key, source.read_bytes())

    def publish(self, source: Path) -> tuple[str, int]:
        data = source.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.publish_bytes(digest, data)
        return digest, len(data)

    def publish_bytes(self, digest: str, data: bytes) -> None:
        key = object_key(digest)
        if self.create(key, data):
            return
        there = self.look(key)
        if there is None or self.read(key) != data or not lasts(self, key, there.modified):
            self.replace(key, data)

    def stage(self, key: str, destination: Path, executable: bool = False) -> str:
        data = self.read(key)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with destination.open("xb") as file:
            file.write(data)
        destination.chmod(0o555 if executable else 0o444)
        return hashlib.sha256(data).hexdigest()

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.read(key))

    def look(self, key: str) -> Listed | None:
        try:
            size, modified = self._fs.size(self._path(key)), self._fs.modified(self._path(key))
        except FileNotFoundError:
            return None
        return Listed(key, size, modified.timestamp(), modified.isoformat())

    def list(self, prefix: str) -> Iterator[str]:
        for path in self._fs.find(self._path(prefix)):
            yield path.removeprefix(self._folder + "/")

    def entries(self, prefix: str) -> Iterator[Listed]:
        for key in self.list(prefix):
            if listed := self.look(key):
                yield listed

    def folders(self, prefix: str) -> Iterator[str]:
        yield from {key.removeprefix(f"{prefix}/").partition("/")[0] for key in self.list(prefix)}

    def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def set_aside(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            aside = f"damaged/{key.rpartition('/')[2]}-{secrets.token_hex(4)}"
            self._fs.mv(self._path(key), self._path(aside))
