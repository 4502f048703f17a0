"""The store that the rest of the engine sees, and how a URL becomes one."""

from __future__ import annotations

import re
from pathlib import Path

from ..schemas.url import BUCKETS, BadUrl, location
from .backend import Backend
from .errors import NoStore, StoreError
from .folders import clean, open_folder, owned_name
from .local import LocalBackend
from .records import Records

FORMAT = b"lighterage/store/1\n"


class Store(Records):
    """Artifacts by content, results by key, records by run. Safe to use from many processes at once."""

    def workspace(self) -> Path:
        """A new private folder; on the store's own file system where it has one, which makes staging cheap.

        Whoever asks removes it; opening the store removes those of processes that are dead.
        """
        if self.root is None:
            import tempfile

            return Path(tempfile.mkdtemp(prefix="lighterage-"))
        place = self.root / "work" / owned_name()
        try:
            place.parent.mkdir(exist_ok=True)
            place.mkdir(mode=0o700)
        except OSError as error:
            raise StoreError(f"{place}: {error.strerror}") from error
        return place


def open_store(url: str, *, create: bool = True, forks: bool = False) -> Store:
    """The store at a URL: a folder, `file:///…`, a bucket or `memory://…`. Raises StoreError.

    The protocol is checked as text, before any library sees the URL. ``create`` makes a store that is not
    there, and clears away what killed processes left. ``forks`` is said by a process that will fork, and whose
    children use the store too.
    """
    backend = _backend(url, create, forks)
    if create and backend.look("format") is None:
        backend.create("format", FORMAT)
    try:
        found = backend.read("format")
    except FileNotFoundError:
        if backend.root is None:
            raise NoStore(f"there is no store at {url}; a run makes one") from None
        raise StoreError(f"{url} is not a store: it has no file named format") from None
    if found != FORMAT:
        raise StoreError(f"{url} has the format {_shown(found)}; this version reads {_shown(FORMAT)}")
    if create and backend.root:
        clean(backend.root)
    return Store(backend)


def _shown(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace").strip())


def _backend(url: str, create: bool, forks: bool) -> Backend:
    try:
        place = location(url)
    except BadUrl as error:
        # Not the URL itself: it may hold a password.
        raise StoreError(f"this is no store's URL: {error}") from None
    if place.protocol == "memory":
        from .memory import MemoryBackend

        if not re.fullmatch(r"memory://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*/?", url):
            raise StoreError("a store in memory is named with letters and digits: memory://name")
        return MemoryBackend(url)
    if place.protocol in BUCKETS:
        from .objects import ObjectBackend

        if not re.fullmatch(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*|", place.path):
            raise StoreError("a store's folder in a bucket is named with letters, digits, '.', '_', '=' and '-'")
        if forks:
            from .aside import AsideBackend

            return AsideBackend(lambda: ObjectBackend(url, place), url.rstrip("/"), ObjectBackend.parallel)
        return ObjectBackend(url, place)
    root = Path(place.path).expanduser().absolute()
    open_folder(root, create)
    return LocalBackend(root)
