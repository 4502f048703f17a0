"""A folder by content: its tree object, and which files of a step's folder are the step's code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_NOT_CODE = {"step.yaml", "README.md", "tests", "__pycache__"}


class Entry(NamedTuple):
    """A file of a tree, or an empty folder (no digest)."""

    path: str
    size: int = 0
    digest: str | None = None
    executable: bool = False


def tree_bytes(entries: Iterable[Entry]) -> bytes:
    """The tree object: canonical JSON, sorted by path."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    lines = [[entry.path, entry.size, entry.digest, entry.executable] for entry in ordered]
    return json.dumps({"tree": lines}, separators=(",", ":"), ensure_ascii=True).encode()


def code_files(folder: Path) -> list[Path]:
    """The files that a step's code may read: all but documentation, tests and what is hidden."""
    found = []
    for place in folder.iterdir():
        if place.name in _NOT_CODE or place.name.startswith("."):
            continue
        found += [place] if place.is_file() else code_files(place) if place.is_dir() else []
    return found


def code_digest(folder: Path) -> str:
    """Digest of the tree that these files make: what a store gives that tree for a name."""
    return "sha256:" + hashlib.sha256(tree_bytes(_entry(file, folder) for file in code_files(folder))).hexdigest()


def _entry(file: Path, folder: Path) -> Entry:
    data = file.read_bytes()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return Entry(file.relative_to(folder).as_posix(), len(data), digest, bool(file.stat().st_mode & 0o100))
