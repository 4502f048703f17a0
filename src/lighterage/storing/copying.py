"""Runs from one store to another with all that they refer to: objects first, records last, each once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..schemas.record import ArtifactRef
from .backend import Backend, object_key
from .errors import Damaged
from .pins import lasts
from .records import Records
from .referring import Document, Documents, document_of, files_of, with_their_files
from .together import for_all


class _Done(NamedTuple):
    digest: str
    how: Literal["copied", "there", "missing"]
    size: int = 0


@dataclass
class Copied:
    """What was copied. What was there already is not counted again."""

    runs: int = 0
    objects: int = 0
    results: int = 0
    bytes: int = 0
    there: int = 0
    """objects that were there already"""
    missing: int = 0
    """objects that the source lacks, or has damaged"""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def copy(source: Records, target: Records, runs: Iterable[str]) -> Copied:
    """Copies runs that have ended, each whole before its record. Done again after a cut, it goes on where it was."""
    copied = Copied()
    with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
        for run in runs:
            _Copying(source, target, Path(folder), copied).run(run)
    return copied


class _Copying:
    def __init__(self, source: Records, target: Records, folder: Path, copied: Copied) -> None:
        self.source, self.target = source, target
        self.files = files_of(source)
        self.folder = folder
        self.copied = copied
        self.parallel = max(source.backend.parallel, target.backend.parallel)

    def run(self, run: str) -> None:
        documents = Documents(self.source.backend).look(f"runs/{run}")
        results = {}
        for key in sorted({one.result for one in documents if one.result}):
            data = _read(self.source.backend, key)
            if data is not None:
                results[key] = data
                documents.append(document_of(key, data, self.source.url))
        digests = with_their_files(documents, self.files, self.parallel)
        self._count(for_all(self._object, sorted(digests), self.parallel), documents)
        self.copied.results += sum(self.target.backend.create(key, data) for key, data in results.items())
        self._documents(run)
        self.copied.runs += 1

    def _count(self, done: Iterable[_Done], documents: Iterable[Document]) -> None:
        needed = {digest for one in documents for digest in one.artifacts}
        needed |= {inside for digest in list(needed) for inside in self.files(digest)}
        for digest, how, size in done:
            if how == "copied":
                self.copied.objects += 1
                self.copied.bytes += size
            elif how == "there":
                self.copied.there += 1
            elif digest in needed:
                self.copied.missing += 1

    def _object(self, digest: str) -> _Done:
        """Copies one. Digests of what is no object come too: of contracts, and of code that no cluster needed."""
        key = object_key(digest)
        source = self.source.backend.look(key)
        if source is None:
            return _Done(digest, "missing")
        if self._is_there(key, source.size):
            return _Done(digest, "there")
        place = self.folder / digest
        try:
            self.source.fetch(ArtifactRef(type="file", digest=digest, size=source.size), place)
            self.target.backend.publish(place)
        except Damaged:
            return _Done(digest, "missing")
        finally:
            place.unlink(missing_ok=True)
        return _Done(digest, "copied", source.size)

    def _is_there(self, key: str, size: int) -> bool:
        there = self.target.backend.look(key)
        return there is not None and there.size == size and lasts(self.target.backend, key, there.modified)

    def _documents(self, run: str) -> None:
        """A run's record last: until it is there, the target has no such run."""
        keys = list(self.source.backend.list(f"runs/{run}"))
        last = f"runs/{run}/run.json"
        for_all(self._document, [key for key in keys if key != last], self.parallel)
        self._document(last)

    def _document(self, key: str) -> None:
        place = self.folder / key.replace("/", "-")
        try:
            self.source.backend.stage(key, place)
            if _read(self.target.backend, key) != place.read_bytes():
                self.target.backend.replace_file(key, place)
        except FileNotFoundError:
            pass  # it went meanwhile
        finally:
            place.unlink(missing_ok=True)


def _read(backend: Backend, key: str) -> bytes | None:
    try:
        return backend.read(key)
    except FileNotFoundError:
        return None
