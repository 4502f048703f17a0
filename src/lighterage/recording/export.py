"""Artifacts out of the store, as files that people may open, move and change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..schemas.record import ArtifactRef
from ..storing import Store
from .view import is_artifact

SUFFIXES = {"model/bundle": ".zip", "metrics": ".json"}
"""type of a file -> what its name ends in, for the programs that people open it with"""


def export(ref: ArtifactRef, place: Path, store: Store) -> None:
    """A writable copy at ``place``, which is replaced whole or not at all."""
    import tempfile

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".partial-") as folder:
        fetched = Path(folder) / "fetched"
        store.fetch(ref, fetched)
        copy = Path(folder) / "copy"
        _copy(fetched, copy)
        if place.is_dir() and not place.is_symlink():
            place.rename(Path(folder) / "old")
        copy.rename(place)


def _copy(source: Path, destination: Path) -> None:
    import shutil

    if not source.is_dir():
        shutil.copyfile(source, destination)
        return
    destination.mkdir()
    for entry in source.iterdir():
        _copy(entry, destination / entry.name)


def export_outputs(workflow: str, outputs: dict[str, Any], store: Store) -> dict[str, Path]:
    """A run's artifact outputs below `outputs/<workflow>/` of a local store, by their names; returns where each one is.

    What is already there with the same digest is left as it is.
    """
    if store.root is None:
        return {}
    folder = store.root / "outputs" / workflow
    places = {}
    for name, value in outputs.items():
        if not is_artifact(value):
            continue
        ref = ArtifactRef.model_validate(value)
        places[name] = place = folder / (name if ref.tree else name + SUFFIXES.get(ref.type, ""))
        mark = folder / f".{name}.digest"
        if not (place.exists() and mark.is_file() and mark.read_text() == ref.digest):
            mark.unlink(missing_ok=True)
            export(ref, place, store)
            mark.write_text(ref.digest)
    return places
