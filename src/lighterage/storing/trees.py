"""Folders as objects: a tree lists every file by path, size and digest, and every empty folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..schemas.record import ArtifactRef
from ..schemas.tree import Entry
from .errors import Damaged, StoreError
from .files import check_file

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    """Files below a folder by relative path, empty folders with None. Raises StoreError for other things."""
    stack = [(root, "")]
    while stack:
        folder, prefix = stack.pop()
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        if not entries and prefix:
            yield prefix, None
        for entry in entries:
            path = f"{prefix}/{entry.name}" if prefix else entry.name
            check_name(entry.name, path)
            if entry.is_dir(follow_symlinks=False):
                stack.append((Path(entry.path), path))
            else:
                check_file(entry.stat(follow_symlinks=False), path)
                yield path, entry


def check_name(name: str, path: str) -> None:
    """Names with invisible characters, or that are not Unicode, are refused. Raises StoreError."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise StoreError(f"the file name {path!r} holds a control character or is not Unicode")


def read_tree(data: bytes, digest: str) -> list[Entry]:
    """A tree's entries. Raises Damaged for what is no tree, or could leave its folder."""
    try:
        entries = [Entry(*line) for line in json.loads(data)["tree"]]
        sound = all(_is_sound(entry) for entry in entries)
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise Damaged(f"{digest} is not a tree that can be unpacked")
    return entries


def _is_sound(entry: Entry) -> bool:
    parts = entry.path.split("/")
    stays_inside = not {"", ".", ".."} & set(parts) and "\0" not in entry.path
    known = entry.digest is None or bool(_DIGEST.fullmatch(entry.digest))
    return stays_inside and known and type(entry.size) is int and type(entry.executable) is bool


def references(outputs: dict[str, Any]) -> Iterator[ArtifactRef]:
    """The artifacts among a task's recorded outputs."""
    for value in outputs.values():
        if isinstance(value, dict) and value.keys() == ArtifactRef.model_fields.keys():
            with contextlib.suppress(ValidationError):  # a value may look alike
                yield ArtifactRef.model_validate(value)
