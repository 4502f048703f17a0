"""Artifacts by content: files and folders in and out of a store, each byte held against its digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..schemas.record import ArtifactRef
from ..schemas.tree import Entry, tree_bytes
from .backend import Backend, object_key
from .errors import Damaged, MissingObject, StoreError, explained
from .files import check_file, read_small
from .together import for_all
from .trees import read_tree, walk

_MANY = 32
"""files of a folder from which on threads pay, where an operation does not wait for a network"""
_SMALL = 1 << 16
"""bytes of a file that may wait in memory to be sent"""
_WAITING = 16 << 20
"""bytes that wait so at one time"""
_AGAIN = "run the workflow again to make it anew"

Found = tuple[str, "os.DirEntry[str] | None"]
"""what `walk` finds"""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Artifacts:
    """A store's objects."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.url = backend.url
        self.root = backend.root
        self._attempts = 2 if self.root is None else 1  # what a network garbled comes whole the second time

    @property
    def backend(self) -> Backend:
        """What it is kept in, for those who look after it as a whole."""
        return self._backend

    def _for_all(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        return for_all(function, items, self._backend.parallel, _MANY if self.root else 2)

    def put(self, path: Path, type: str) -> ArtifactRef:
        """Publishes a file or folder; of modes it keeps who may execute the files of a folder.

        Raises StoreError for links, devices and odd names, and when there is no room.
        """
        try:
            with explained(path):
                return self._put(path, type)
        except FileNotFoundError as error:
            raise StoreError(f"{error.filename or path} is not there, or went while it was being kept") from None

    def _put(self, path: Path, type: str) -> ArtifactRef:
        if path.is_symlink() or not path.is_dir():
            check_file(path.lstat(), path.name)
            digest, size = self._backend.publish(path)
            return ArtifactRef(type=type, digest=f"sha256:{digest}", size=size)
        entries = self._put_files(path)
        data = tree_bytes(entries)
        digest = hashlib.sha256(data).hexdigest()
        self._backend.publish_bytes(digest, data)
        return ArtifactRef(type=type, digest=f"sha256:{digest}", size=sum(entry.size for entry in entries), tree=True)

    def _put_files(self, root: Path) -> list[Entry]:
        entries = []
        for batch in _batches(list(walk(root))):
            entries += self._for_all(lambda publish: publish(), [self._publishing(*item) for item in batch])
        return entries

    def _publishing(self, path: str, file: os.DirEntry[str] | None) -> Callable[[], Entry]:
        """What publishes one file of a folder. A small one on its way to a bucket is read here, before threads send it:
        threads that read and send beside each other take half as long again, on handing each other Python's lock."""
        if file is None:
            return lambda: Entry(path)
        source, executable = Path(file.path), bool(file.stat().st_mode & 0o100)
        small = None if self.root else read_small(source, _SMALL)

        def publish() -> Entry:
            if small is None:
                digest, size = self._backend.publish(source)
            else:
                digest, size = small[0], len(small[1])
                self._backend.publish_bytes(*small)
            return Entry(path, size, f"sha256:{digest}", executable)

        return publish

    def fetch(self, ref: ArtifactRef, destination: Path) -> None:
        """A local copy at ``destination``, its files read-only, every digest checked; whole or not at all.

        Raises Damaged, with the bad object put aside so that the next run makes it anew, and FileExistsError
        when ``destination`` is there.
        """
        if not ref.tree:
            self._stage(ref.digest, destination)
            return
        entries = self.tree(ref.digest)
        with explained(destination):
            destination.mkdir(parents=True)
        try:
            with explained(destination):
                self._fetch_entries(entries, destination)
        except BaseException:
            import shutil

            shutil.rmtree(destination, ignore_errors=True)
            raise

    def _fetch_entries(self, entries: list[Entry], root: Path) -> None:
        def one(entry: Entry) -> None:
            if entry.digest is None:
                (root / entry.path).mkdir(parents=True, exist_ok=True)
            else:
                self._stage(entry.digest, root / entry.path, entry.executable)

        self._for_all(one, entries)

    def _stage(self, digest: str, destination: Path, executable: bool = False) -> None:
        for _ in range(self._attempts):
            if self._staged(digest, destination, executable) == digest.removeprefix("sha256:"):
                return
            destination.unlink()
        raise self._damaged(digest)

    def _staged(self, digest: str, destination: Path, executable: bool) -> str:
        try:
            return self._backend.stage(object_key(digest), destination, executable)
        except FileNotFoundError:
            raise self._missing(digest) from None
        except FileExistsError:
            raise
        except BaseException:
            destination.unlink(missing_ok=True)
            raise

    def tree(self, digest: str) -> list[Entry]:
        """A tree's entries, its digest checked. Raises Damaged."""
        for _ in range(self._attempts):
            try:
                data = self._backend.read(object_key(digest))
            except FileNotFoundError:
                raise self._missing(digest) from None
            if hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:"):
                return read_tree(data, digest)
        raise self._damaged(digest)

    def _missing(self, digest: str) -> MissingObject:
        return MissingObject(f"the object {digest} is missing from {self.url}; {_AGAIN}")

    def _damaged(self, digest: str) -> Damaged:
        """Makes room for a good object: with the bad one out of its place, what refers to it is a miss."""
        self._backend.set_aside(object_key(digest))
        return Damaged(f"the object {digest} in {self.url} does not have its content; {_AGAIN}")

    def has(self, ref: ArtifactRef) -> bool:
        """Whether every object of it is there with the right size. A damaged tree counts as not there."""
        if not ref.tree:
            return self._size(object_key(ref.digest)) == ref.size
        try:
            entries = self.tree(ref.digest)
        except Damaged:
            return False
        sizes = {entry.digest: entry.size for entry in entries if entry.digest}
        found = self._for_all(self._size, map(object_key, sizes))
        return found == list(sizes.values())

    def _size(self, key: str) -> int | None:
        there = self._backend.look(key)
        return there.size if there else None

    def verify(self, ref: ArtifactRef) -> bool:
        """Whether every object of it has the content that its name promises; bad ones are put aside.

        Each object is read once.
        """
        digests = {ref.digest}
        if ref.tree:
            try:
                digests = {entry.digest for entry in self.tree(ref.digest) if entry.digest}
            except Damaged:
                return False
        return all(self._for_all(self.is_sound, sorted(digests)))

    def is_sound(self, digest: str) -> bool | None:
        """Whether one object has its content; it is put aside if not. None when it is not there."""
        for _ in range(self._attempts):
            try:
                with self._backend.open(object_key(digest)) as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            except FileNotFoundError:
                return None
            if found == digest.removeprefix("sha256:"):
                return True
        self._backend.set_aside(object_key(digest))
        return False

    def open(self, ref: ArtifactRef) -> BinaryIO:
        """Streams a file's bytes, unchecked: who must be sure fetches. Raises MissingObject."""
        try:
            return self._backend.open(object_key(ref.digest))
        except FileNotFoundError:
            raise self._missing(ref.digest) from None

    def uri(self, ref: ArtifactRef) -> str:
        """Where fsspec finds it: a file, or the list of a folder's files.

        Spaces stay spaces: fsspec does not decode the paths of URLs.
        """
        base = f"file://{self.root}" if self.root else self.url
        return f"{base}/{object_key(ref.digest)}"


def _batches(found: list[Found]) -> Iterator[list[Found]]:
    """The files of a folder, in batches whose small ones fit into memory."""
    batch: list[Found] = []
    waiting = 0
    for item in found:
        size = item[1].stat(follow_symlinks=False).st_size if item[1] else 0
        if size <= _SMALL:
            waiting += size
        if waiting > _WAITING:
            yield batch
            batch, waiting = [], size
        batch.append(item)
    yield batch
