"""A store in a bucket. Whatever the bucket's library, what is done with it is said here."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..schemas.url import Location
from .backend import Listed, object_key
from .buckets import client_of
from .client import PART, Client, Patience, patience
from .errors import StoreError, Uncertain, explained
from .files import new_file, no_follow, read_small
from .pins import lasts
from .transfer import Parts, Unchanged, save, settled


class ObjectBackend:
    """Keys are objects below a prefix. Servers show whole objects only, and every write of one is one request or one
    multipart upload. Objects are written with their digest as metadata, so that one look tells what is there."""

    root: Path | None = None
    parallel = 24

    def __init__(self, url: str, place: Location, waiting: Patience | None = None) -> None:
        self.url = url.rstrip("/")
        self._prefix = f"{place.path}/" if place.path else ""
        self._waiting = waiting or patience()
        self._client: Client = client_of(place, self._waiting)

    def _name(self, key: str) -> str:
        return self._prefix + key

    def read(self, key: str) -> bytes:
        size, first = self._client.get(self._name(key))
        if size <= len(first):
            return first
        return b"".join(Parts(self._client, self._name(key), size, first))

    def create(self, key: str, data: bytes, *, sync: bool = True) -> bool:
        return self._create(self._name(key), data, None)

    def _create(self, name: str, data: bytes, digest: str | None) -> bool:
        """Of several one wins, and a winner whose answer was lost recognises its own bytes."""
        until, uncertain, pause = time.monotonic() + self._waiting.retrying, False, 0.05
        while True:
            try:
                if self._client.create(name, data, digest):
                    return True
                there = self._content(name, len(data)) if uncertain else self._client.head(name)
                if there is not None:
                    return uncertain and there == data
            except Uncertain as error:
                uncertain = True
                if time.monotonic() > until:
                    raise StoreError(str(error)) from None
            except FileNotFoundError:
                pass  # somebody's write was in the way, or what was there has gone
            if time.monotonic() > until:
                raise StoreError(f"{self.url}: others write {name} all the time")
            time.sleep(random.uniform(0, pause))
            pause = min(pause * 2, self._waiting.pause)

    def _content(self, name: str, most: int) -> bytes:
        """An object's bytes; of a larger one the beginning, which is enough to tell that it is another."""
        size, first = self._client.get(name)
        return first if size == len(first) or size > most else b"".join(Parts(self._client, name, size, first))

    def replace(self, key: str, data: bytes) -> None:
        self._client.put(self._name(key), data, None)

    def replace_file(self, key: str, source: Path) -> None:
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= PART:
                self.replace(key, file.read())
            else:
                self._client.put_file(self._name(key), file, size, None)

    def publish(self, source: Path) -> tuple[str, int]:
        if small := read_small(source, PART):
            self.publish_bytes(*small)
            return small[0], len(small[1])
        with explained(source), open(source, "rb", opener=no_follow) as file:
            # A bucket names objects before it has them, so that a large file is read for its name first.
            before = settled(file)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            if not self._holds(digest, size):
                file.seek(0)
                sent = Unchanged(file, size, before, source)
                self._client.put_file(self._name(object_key(digest)), sent, size, digest)
            return digest, size

    def publish_bytes(self, digest: str, data: bytes) -> None:
        name = self._name(object_key(digest))
        if not self._create(name, data, digest) and not self._holds(digest, len(data)):
            self._client.put(name, data, digest)

    def _holds(self, digest: str, size: int) -> bool:
        """Whether an object was written as this one, by somebody who held its bytes against the digest, and stays."""
        key = object_key(digest)
        head = self._client.head(self._name(key))
        if head is None or (head.size, head.digest) != (size, digest):
            return False
        return lasts(self, key, head.modified)

    def stage(self, key: str, destination: Path, executable: bool = False) -> str:
        size, first = self._client.get(self._name(key))
        with explained(destination), new_file(destination, 0o555 if executable else 0o444) as file:
            try:
                return save(Parts(self._client, self._name(key), size, first), file)
            except BaseException:
                destination.unlink(missing_ok=True)
                raise

    def open(self, key: str) -> BinaryIO:
        size, first = self._client.get(self._name(key))
        return io.BufferedReader(Parts(self._client, self._name(key), size, first).as_file(), PART)

    def look(self, key: str) -> Listed | None:
        head = self._client.head(self._name(key))
        return Listed(key, head.size, head.modified, head.version) if head else None

    def list(self, prefix: str) -> Iterator[str]:
        for listed in self.entries(prefix):
            yield listed.key

    def entries(self, prefix: str) -> Iterator[Listed]:
        for listed in self._client.list(self._name(f"{prefix}/" if prefix else "")):
            yield listed._replace(key=listed.key.removeprefix(self._prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        yield from self._client.folders(self._name(prefix) + "/")

    def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._client.delete(self._name(key))

    def set_aside(self, key: str) -> None:
        aside = f"damaged/{key.rpartition('/')[2]}-{secrets.token_hex(4)}"
        with contextlib.suppress(FileNotFoundError, StoreError):
            self._client.move(self._name(key), self._name(aside))
