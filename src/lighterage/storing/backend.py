"""What any storage must do: a dozen operations on keys. tests/storing/contract.py puts one to the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from .errors import StoreError

CHUNK = 1 << 20
"""bytes that are held in memory at a time"""
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Listed(NamedTuple):
    """What a listing tells of a key."""

    key: str
    size: int
    """bytes"""
    modified: float
    """when it was last written, in seconds since 1970 by the storage's clock"""
    version: str = ""
    """in a bucket another one for other content, as the server says; empty where the storage is a disk"""


class Backend(Protocol):
    """Keys are relative paths of plain ASCII. Nothing is ever visible half-written.

    Where nothing else is said, what goes wrong is a StoreError.
    """

    @property
    def url(self) -> str: ...

    @property
    def root(self) -> Path | None:
        """The folder, where the storage is one."""
        ...

    @property
    def parallel(self) -> int:
        """Operations at one time from which on more of them do not help."""
        ...

    def read(self, key: str) -> bytes:
        """All bytes. Raises FileNotFoundError."""
        ...

    def create(self, key: str, data: bytes, *, sync: bool = True) -> bool:
        """Writes a key that is not there; False, and nothing changed, when it is. Of several one wins.

        Without ``sync`` a power cut may leave it empty or take it back, where the storage is a disk.
        """
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Writes a key, there or not."""
        ...

    def replace_file(self, key: str, source: Path) -> None:
        """The same with a file's bytes, a chunk at a time."""
        ...

    def publish(self, source: Path) -> tuple[str, int]:
        """Copies a file in under its digest; returns digest (hexadecimal) and size.

        An object that is there already stays if it has these very bytes, or in a bucket was written as having them,
        and if it `pins.lasts`; it is replaced otherwise.
        """
        ...

    def publish_bytes(self, digest: str, data: bytes) -> None:
        """The same for bytes at hand."""
        ...

    def stage(self, key: str, destination: Path, executable: bool = False) -> str:
        """A read-only local file with the key's bytes; returns their digest (hexadecimal). One read.

        A link where that cannot be written through, else blocks shared, else a copy. Raises FileNotFoundError
        when there is no such key, FileExistsError when the destination is there.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Streams the bytes. Raises FileNotFoundError."""
        ...

    def look(self, key: str) -> Listed | None:
        """What a listing would tell of one key; None when there is no such key."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below a folder, in no order."""
        ...

    def entries(self, prefix: str) -> Iterator[Listed]:
        """The same with sizes and dates."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders right below a folder, in no order."""
        ...

    def remove(self, key: str) -> None:
        """Takes a key away, there or not. Tries once: Uncertain is raised where nobody can say whether it happened."""
        ...

    def set_aside(self, key: str) -> None:
        """Moves a damaged object to ``damaged/``, unless it is gone or the storage cannot be written."""
        ...


def object_key(digest: str) -> str:
    """Where the object of a digest lies (`sha256:…` or hexadecimal). Raises StoreError for what is none."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise StoreError(f"{digest!r} is not a digest: sha256: and 64 hexadecimal digits are expected")
    return f"objects/sha256/{match[1][:2]}/{match[1]}"
