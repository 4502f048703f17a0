"""The store that the rest of the engine sees, and how a URL becomes one."""

from __future__ import annotations

import re
from pathlib import Path

from .backend import Backend
from .errors import StoreError
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


def open_store(url: str, *, create: bool = True) -> Store:
    """The store at a URL: a folder, `file:///…` or `memory://…`. Raises StoreError.

    The protocol is checked as text, before any library sees the URL. ``create`` makes a store that is not
    there, and clears away what killed processes left.
    """
    backend = _backend(url, create)
    if create and backend.size("format") is None:
        backend.create("format", FORMAT)
    try:
        found = backend.read("format")
    except FileNotFoundError:
        raise StoreError(f"{url} is not a store: it has no file named format") from None
    if found != FORMAT:
        raise StoreError(f"{url} has the format {_shown(found)}; this version reads {_shown(FORMAT)}")
    if create and backend.root:
        clean(backend.root)
    return Store(backend)


def _shown(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace").strip())


def _backend(url: str, create: bool) -> Backend:
    if "::" in url or any(ord(char) < 32 for char in url):
        raise StoreError("this is no store's URL: neither :: nor control characters can be in one")
    if url.startswith("memory://"):
        from .memory import MemoryBackend

        if not re.fullmatch(r"memory://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*/?", url):
            raise StoreError("a store in memory is named with letters and digits: memory://name")
        return MemoryBackend(url)
    if "://" in url and not url.startswith("file:///"):
        # Only the protocol is shown: what follows may hold a password.
        protocol = url.partition("://")[0]
        raise StoreError(f"{protocol}:// stores are not supported yet; a folder, file:///… and memory://… are")
    root = Path(url.removeprefix("file://")).expanduser().absolute()
    open_folder(root, create)
    return LocalBackend(root)
