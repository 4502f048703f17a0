"""Folders as dicts: path -> bytes, or None for an empty folder, whose path ends in a slash."""

from __future__ import annotations

from pathlib import Path

Tree = dict[str, bytes | None]


def write_tree(root: Path, tree: Tree) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for path, data in tree.items():
        place = root / path
        if data is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)


def contents(root: Path) -> Tree:
    found: Tree = {}
    for place in root.rglob("*"):
        path = place.relative_to(root).as_posix()
        if place.is_file():
            found[path] = place.read_bytes()
        elif not any(place.iterdir()):
            found[path + "/"] = None
    return found
