"""A whole store held against its digests: every object and every document is read once."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..schemas.plan import Plan
from ..schemas.record import RunRecord, TaskRecord
from ..schemas.shape import Shape
from .backend import Listed
from .errors import Damaged, MissingObject, StoreError
from .records import Records, is_action
from .referring import Document, document_of, is_document
from .together import for_all

_OBJECT = re.compile(r"objects/sha256/([0-9a-f]{2})/(\1[0-9a-f]{62})")


@dataclass
class Fault:
    """An object or document that is not as it should be."""

    what: str
    """digest of an object, key of a document"""
    needed_by: list[str] = field(default_factory=list)
    """run and task of the results that need an object"""
    why: str = ""
    """of a document"""


@dataclass
class Verdict:
    """What was found, and how much was looked at."""

    objects: int = 0
    bytes: int = 0
    documents: int = 0
    damaged: list[Fault] = field(default_factory=list)
    """objects, put aside by now"""
    missing: list[Fault] = field(default_factory=list)
    """objects that results need"""
    unreadable: list[Fault] = field(default_factory=list)
    """plans, records and results"""

    @property
    def sound(self) -> bool:
        return not (self.damaged or self.missing or self.unreadable)

    def as_json(self) -> dict[str, Any]:
        return {"sound": self.sound, **asdict(self)}


def verify(store: Records) -> Verdict:
    """Reads everything, several at a time; damaged objects are put aside, so that the next run makes them anew."""
    verdict = Verdict()
    # Objects are there before what names them, so they are listed last.
    documents = _documents(store, verdict)
    trees = {digest for one in documents for digest in one.trees}
    listed = [one for one in store.backend.entries("objects") if _OBJECT.fullmatch(one.key)]

    def check(one: Listed) -> _Checked | None:
        digest = "sha256:" + one.key.rpartition("/")[2]
        return _check_tree(store, digest) if digest in trees else _check_file(store, digest)

    checked = {one.digest: one for one in for_all(check, listed, store.backend.parallel) if one}
    verdict.objects, verdict.bytes = len(checked), sum(one.size for one in listed)
    needed: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        for digest in document.artifacts if document.task else ():
            inside = checked[digest].files if digest in checked else ()
            for name in (digest, *inside):
                needed[name].add(str(document.task))
    verdict.damaged = [
        Fault(name, sorted(needed.get(name, ()))) for name, one in sorted(checked.items()) if not one.sound
    ]
    verdict.missing = [Fault(name, sorted(needed[name])) for name in sorted(needed.keys() - checked.keys())]
    return verdict


class _Checked(NamedTuple):
    digest: str
    sound: bool
    files: tuple[str, ...] = ()
    """of a tree"""


def _check_file(store: Records, digest: str) -> _Checked | None:
    """None where it went meanwhile."""
    sound = store.is_sound(digest)
    return None if sound is None else _Checked(digest, sound)


def _check_tree(store: Records, digest: str) -> _Checked | None:
    try:
        return _Checked(digest, True, tuple(entry.digest for entry in store.tree(digest) if entry.digest))
    except MissingObject:
        return None
    except Damaged:
        return _Checked(digest, False)


def _documents(store: Records, verdict: Verdict) -> list[Document]:
    keys = [key for folder in ("runs", "actions") for key in store.backend.list(folder) if is_document(key)]
    found = []
    for key, read in zip(keys, for_all(lambda key: _document(store, key), keys, _parallel(store)), strict=True):
        if isinstance(read, str):
            verdict.unreadable.append(Fault(key, why=read))
        elif read:
            found.append(read)
    verdict.documents = len(keys)
    return found


def _parallel(store: Records) -> int:
    return 1 if store.root else store.backend.parallel


def _document(store: Records, key: str) -> Document | str | None:
    """The document, why it cannot be read, or None where it went meanwhile."""
    try:
        data = store.backend.read(key)
        _well_formed(key, data)
        return document_of(key, data, store.url)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
    except StoreError as error:
        return str(error)


def _well_formed(key: str, data: bytes) -> None:
    """Raises ValidationError for a record or plan that is not one, StoreError for a result that is not one."""
    name = key.rpartition("/")[2]
    if key.startswith("actions/"):
        if not is_action(data):
            raise StoreError("a result that was not written whole; it counts as unknown")
    elif not data:
        raise StoreError("empty, as a power cut leaves it; it counts as not there")
    elif "/answers/" not in key:
        shape: type[Shape] = TaskRecord if "/tasks/" in key else Plan if name == "plan.json" else RunRecord
        shape.model_validate_json(data)
