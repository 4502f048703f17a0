"""What a store's documents refer to: results, records and plans name objects, and trees among these name others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..schemas.record import ArtifactRef
from .artifacts import Artifacts
from .backend import Backend, Listed
from .errors import Damaged, StoreError
from .together import for_all

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = ArtifactRef.model_fields.keys()
_FORMATS = {"lighterage/plan/1", "lighterage/run/1", "lighterage/task/1"}


@dataclass(frozen=True)
class Document:
    """One document, and what it refers to."""

    key: str
    digests: frozenset[str] = frozenset()
    """every digest in it; not all of them need be objects"""
    trees: frozenset[str] = frozenset()
    """those of them that are trees, if they are objects"""
    artifacts: frozenset[str] = frozenset()
    """those of them that are a task's outputs"""
    task: str | None = None
    """whose outputs: run and task"""
    result: str | None = None
    """the key that a record names"""
    from_run: str | None = None
    """the run that did the work of a cached one"""

    @property
    def run(self) -> str | None:
        """The run that it is about."""
        return run_of(self.key)


def run_of(key: str) -> str | None:
    """The run that a key belongs to."""
    first, _, rest = key.partition("/")
    return rest.partition("/")[0] if first == "runs" else None


def is_document(key: str) -> bool:
    """Whether what lies there is JSON that may refer to something; logs and pins do not."""
    return key.endswith(".json") and (key.startswith("actions/") or (key.startswith("runs/") and "/logs/" not in key))


def read_document(backend: Backend, key: str) -> Document | None:
    """None when it is gone. Raises StoreError for what another version wrote: nobody knows what that refers to."""
    try:
        data = backend.read(key)
    except FileNotFoundError:
        return None
    return document_of(key, data, backend.url)


def document_of(key: str, data: bytes, url: str) -> Document:
    """The document with these bytes. Raises StoreError as above."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        if data and key.startswith("runs/"):
            raise StoreError(f"{url}/{key} is not JSON: nobody knows what it refers to; remove it") from None
        return Document(key)  # results are not synced, and a torn one reads as unknown
    facts = content if isinstance(content, dict) else {}
    if key.startswith("runs/") and "/answers/" not in key and facts.get("format") not in _FORMATS:
        raise StoreError(f"{url}/{key} has the format {facts.get('format')!r}, which this version does not read")
    digests, trees, artifacts = _digests(content)
    result = f"actions/{facts['key']}.json" if isinstance(facts.get("key"), str) else None
    task = f"{facts['run']} {_instance(facts)}" if "run" in facts and "task" in facts else None
    return Document(key, digests, trees, artifacts, task, result, facts.get("from_run"))


def _instance(facts: dict[str, Any]) -> str:
    index = facts.get("index", 0)
    return f"{facts['task']}[{index}]" if index else str(facts["task"])


def _digests(value: Any) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Every digest in a document, those of trees, those of artifacts."""
    digests, trees, artifacts = set(), set(), set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if one.keys() == _REFERENCE and _is_digest(one["digest"]):
                artifacts.add(one["digest"])
                if one["tree"] is True:
                    trees.add(one["digest"])
            if _is_digest(one.get("code")):
                trees.add(one["code"])  # a step's, in the store where it was submitted
            stack += one.values()
        elif isinstance(one, list):
            stack += one
        elif _is_digest(one):
            digests.add(one)
    return frozenset(digests), frozenset(trees), frozenset(artifacts)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and bool(_DIGEST.fullmatch(value))


def read_documents(backend: Backend, keys: Iterable[str]) -> Iterator[Document]:
    """Those that are still there."""
    parallel = 1 if backend.root else backend.parallel  # without a network, Python is what takes the time
    yield from filter(None, for_all(lambda key: read_document(backend, key), keys, parallel))


class Documents:
    """A store's documents as they become more: what was read stays known, so that looking again is cheap."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._read: dict[str, tuple[Listed, Document]] = {}

    def look(self, *folders: str) -> list[Document]:
        """Those below these folders: `actions`, `runs`. Only new and changed ones are read."""
        there = [one for folder in folders for one in self._backend.entries(folder) if is_document(one.key)]
        new = {one.key: one for one in there if one.key not in self._read or self._read[one.key][0] != one}
        for document in read_documents(self._backend, new):
            self._read[document.key] = new[document.key], document
        return [self._read[one.key][1] for one in there if one.key in self._read]


def with_their_files(documents: Iterable[Document], files: Callable[[str], set[str]], parallel: int) -> set[str]:
    """Digests of all objects that documents refer to, those of their trees too, as `files_of` tells these."""
    digests: set[str] = set()
    trees: set[str] = set()
    for document in documents:
        digests |= document.digests
        trees |= document.trees
    for inside in for_all(files, sorted(trees), parallel):
        digests |= inside
    return digests


def files_of(store: Artifacts) -> Callable[[str], set[str]]:
    """Digests of a tree's files; none where there is no such tree, or a damaged one: then nobody can get at them."""

    def inside(digest: str) -> set[str]:
        try:
            return {entry.digest for entry in store.tree(digest) if entry.digest}
        except Damaged:
            return set()

    return cache(inside)
