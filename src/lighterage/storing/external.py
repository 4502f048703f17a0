"""Data that lies in buckets and is nobody's store: what there is at a URL, and copies of it.

Asked for through the clients that stores use, because every call of theirs has an end. Libraries' file systems may wait
for ever, and remember lists of what was there a while ago.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

from ..schemas import BadInput
from ..schemas.url import BadUrl, location
from .backend import Backend, Listed
from .client import PART
from .errors import StoreError, explained
from .together import for_all


class External:
    """The object that a URL names, or those below the folder that it names."""

    def __init__(self, url: str) -> None:
        """Raises BadInput for a URL that is not taken, StoreError where its server cannot be asked."""
        try:
            place = location(url)
        except BadUrl as error:
            raise BadInput(f"a URL of data cannot be used: {error}") from None
        self.url = url
        self._path = place.path
        self._backend: Backend
        if place.protocol == "memory":
            from .memory import MemoryBackend

            self._backend = MemoryBackend(f"memory://{place.container}")
        else:
            from .objects import ObjectBackend

            self._backend = ObjectBackend(f"{place.protocol}://{place.container}", place._replace(path=""))

    def objects(self) -> list[Listed]:
        """By their names below the URL; the object that the URL itself names has none. Raises BadInput for nothing."""
        if self._path and (alone := self._backend.look(self._path)):
            return [alone._replace(key="")]
        below = list(self._backend.entries(self._path))
        folders = {str(place) for one in below for place in PurePosixPath(one.key).parents}
        start = f"{self._path}/" if self._path else ""
        found = [one._replace(key=one.key.removeprefix(start)) for one in below if not _is_marker(one, folders)]
        if not found:
            raise BadInput(f"there is nothing at {self.url}")
        return sorted(found)

    def copy(self, folder: Path) -> Path:
        """Copies everything into an empty folder, and returns the file, or the folder of files.

        Raises BadInput for names that are not names of files, StoreError for what changes meanwhile.
        """
        found = self.objects()
        alone = found[0].key == ""
        place = folder / (PurePosixPath(self._path).name if alone else "source")
        for one in found:
            if not alone and {"", ".", ".."} & set(one.key.split("/")):
                raise BadInput(f"{self.url} holds an object with the unusable name {one.key!r}")
        for_all(partial(self._copy, place), found, self._backend.parallel)
        return place

    def _copy(self, place: Path, one: Listed) -> None:
        key = "/".join(filter(None, (self._path, one.key)))
        with explained(place, f", of {self.url}"):
            try:
                self._backend.stage(key, place / one.key if one.key else place)
            except FileNotFoundError:
                raise StoreError(f"{self.url}: {key} went away while it was being read") from None
        if one.size > PART:  # it came in several answers
            after = self._backend.look(key)
            if after is None or after.version != one.version:
                raise StoreError(f"{self.url}: {key} changed while it was being read")


def _is_marker(one: Listed, folders: set[str]) -> bool:
    """An object that stands for a folder, as consoles of clouds make them. Some libraries leave out its last slash."""
    return one.size == 0 and (one.key.endswith("/") or one.key in folders)
