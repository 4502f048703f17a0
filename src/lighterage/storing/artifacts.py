"""Artifacts by content: files and folders in and out of a store, each byte held against its digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..schemas.record import ArtifactRef
from ..schemas.tree import Entry, tree_bytes
from .backend import Backend, object_key
from .errors import Damaged, MissingObject, StoreError, explained
from .trees import check_file, read_tree, walk

_PARALLEL = 8
_MANY = 32
"""files of a folder from which on threads pay"""
_AGAIN = "run the workflow again to make it anew"

Item = TypeVar("Item")
Result = TypeVar("Result")


class Artifacts:
    """A store's objects."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.url = backend.url
        self.root = backend.root

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
        found = list(walk(root))

        def one(item: tuple[str, os.DirEntry[str] | None]) -> Entry:
            path, file = item
            if file is None:
                return Entry(path)
            digest, size = self._backend.publish(Path(file.path))
            return Entry(path, size, f"sha256:{digest}", bool(file.stat().st_mode & 0o100))

        return _for_all(one, found)

    def fetch(self, ref: ArtifactRef, destination: Path) -> None:
        """A local copy at ``destination``, its files read-only, every digest checked; whole or not at all.

        Raises Damaged, with the bad object put aside so that the next run makes it anew, and FileExistsError
        when ``destination`` is there.
        """
        if not ref.tree:
            self._stage(ref.digest, destination)
            return
        entries = self._tree(ref.digest)
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

        _for_all(one, entries)

    def _stage(self, digest: str, destination: Path, executable: bool = False) -> None:
        key = object_key(digest)
        try:
            found = self._backend.stage(key, destination, executable)
        except FileNotFoundError:
            raise self._missing(digest) from None
        except FileExistsError:
            raise
        except BaseException:
            destination.unlink(missing_ok=True)
            raise
        if found != digest.removeprefix("sha256:"):
            destination.unlink()
            raise self._damaged(digest)

    def _tree(self, digest: str) -> list[Entry]:
        """A tree's entries, its digest checked. Raises Damaged."""
        try:
            data = self._backend.read(object_key(digest))
        except FileNotFoundError:
            raise self._missing(digest) from None
        if hashlib.sha256(data).hexdigest() != digest.removeprefix("sha256:"):
            raise self._damaged(digest)
        return read_tree(data, digest)

    def _missing(self, digest: str) -> MissingObject:
        return MissingObject(f"the object {digest} is missing from {self.url}; {_AGAIN}")

    def _damaged(self, digest: str) -> Damaged:
        """Makes room for a good object: with the bad one out of its place, what refers to it is a miss."""
        self._backend.set_aside(object_key(digest))
        return Damaged(f"the object {digest} in {self.url} does not have its content; {_AGAIN}")

    def has(self, ref: ArtifactRef) -> bool:
        """Whether every object of it is there with the right size. A damaged tree counts as not there."""
        if not ref.tree:
            return self._backend.size(object_key(ref.digest)) == ref.size
        try:
            entries = self._tree(ref.digest)
        except Damaged:
            return False
        return all(self._backend.size(object_key(entry.digest)) == entry.size for entry in entries if entry.digest)

    def verify(self, ref: ArtifactRef) -> bool:
        """Whether every object of it has the content that its name promises; bad ones are put aside.

        Each object is read once.
        """
        digests = {ref.digest}
        if ref.tree:
            try:
                digests = {entry.digest for entry in self._tree(ref.digest) if entry.digest}
            except Damaged:
                return False
        sound = [self._is_sound(digest) for digest in sorted(digests)]
        return all(sound)

    def _is_sound(self, digest: str) -> bool:
        try:
            with self._backend.open(object_key(digest)) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except FileNotFoundError:
            return False
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


def _for_all(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results in order; the first error is raised when all that had begun has ended."""
    known = list(items)
    if len(known) < _MANY:
        return [function(item) for item in known]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_PARALLEL) as pool:
        futures = [pool.submit(function, item) for item in known]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
