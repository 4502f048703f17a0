"""From the text of a source to a file or folder on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lighterage.schemas import BadInput
from lighterage.schemas.url import BadUrl, Location, location


@contextmanager
def local_copy(source: str) -> Iterator[Path]:
    """The file or folder that ``source`` names; a remote one exists until the block ends. Raises BadInput."""
    place = location_of(source)
    if place.protocol != "file":
        from lighterage.storing.external import External

        with tempfile.TemporaryDirectory() as folder:
            yield External(source).copy(Path(folder))
        return
    path = Path(place.path)
    if not path.exists():
        raise BadInput(f"there is no file or folder {source} (looked for {path.absolute()})")
    yield path


def public_name(source: str) -> str:
    """What a dataset says of its source: the URL, or a local file's name without this machine's folders."""
    return PurePosixPath(source).name if location_of(source).protocol == "file" else source


def location_of(source: str) -> Location:
    """Raises BadInput for what is not allowed."""
    try:
        return location(source)
    except BadUrl as error:
        raise BadInput(f"`source` cannot be used: {error}") from None
