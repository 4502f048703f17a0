"""Where images are named, and digests written beside their tags."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..diagnostics import Diagnostic, Mistakes
from ..reading import Document, read_document
from ..reading.rewriting import NotPlain, rewritten
from ..schemas.environment import Environment
from ..schemas.image import ImageReference, parse_image
from ..schemas.plan import PlannedStep
from .registry import NotResolved

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Place(NamedTuple):
    """An image that a file names."""

    document: Document
    path: tuple[str | int, ...]
    image: ImageReference


def places_of(document: Document, environment: Environment, steps: Iterable[PlannedStep] | None = None) -> list[Place]:
    """The images of an environment, and those that a plan's ``steps`` name in files of the user's own."""
    found = [Place(document, ("images", name), parse_image(image)) for name, image in environment.images.items()]
    for step in steps or ():
        if step.own and step.folder and step.image not in environment.images:
            contract = read_document(step.folder / "step.yaml")
            if "image" in contract.value:
                found.append(Place(contract, ("image",), parse_image(step.image)))
    return found


def not_locked(places: Iterable[Place]) -> list[Diagnostic]:
    """A mistake for each image without a digest."""
    return [
        place.document.diagnostic(
            "L505", place.path, f"the image {place.image.tagged} has no digest", hint="lighterage lock finds it"
        )
        for place in places
        if place.image.digest is None
    ]


def resolved(places: Sequence[Place], digest_of: Callable[[str], str]) -> list[Place]:
    """The places with the digests that registries have now; each image is asked for once. Raises NotResolved with all that fail."""
    digests: dict[str, str] = {}
    failures = []
    for image in sorted({place.image.tagged for place in places}):
        try:
            digests[image] = digest_of(image)
        except NotResolved as error:
            failures.append(f"{image}: {error}")
    if failures:
        raise NotResolved("; ".join(failures))
    return [place._replace(image=place.image._replace(digest=digests[place.image.tagged])) for place in places]


def write(places: Iterable[Place]) -> None:
    """Writes the references into their files, each file whole or not at all. Raises Mistakes for what cannot be replaced."""
    changes: dict[str, tuple[Document, dict[tuple[str | int, ...], str]]] = {}
    for place in places:
        changes.setdefault(place.document.file, (place.document, {}))[1][place.path] = place.image.locked
    texts = {file: _text(document, wanted) for file, (document, wanted) in changes.items()}
    for file, text in texts.items():
        _replace(Path(file).resolve(), text)


def _text(document: Document, changes: dict[tuple[str | int, ...], str]) -> str:
    try:
        return rewritten(document, changes)
    except NotPlain as error:
        message = f"{error} cannot be changed where it stands"
        hint = "write the image there as plain text, without an anchor, an alias or escapes"
        raise Mistakes([document.diagnostic("L505", error.path, message, hint=hint)]) from None


def _replace(file: Path, text: str) -> None:
    """The file has the old text or the new one, whatever happens meanwhile."""
    mark = _BYTE_ORDER_MARK if file.read_bytes().startswith(_BYTE_ORDER_MARK) else b""
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as opened:
        opened.write(mark + text.encode())
        opened.flush()
        os.fsync(opened.fileno())
    shutil.copymode(file, partial)
    partial.replace(file)
