"""What any storage must do: a dozen operations on keys. tests/storing/contract.py puts one to the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from .errors import StoreError

CHUNK = 1 << 20
"""bytes that are held in memory at a time"""
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


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

    def publish(self, source: Path) -> tuple[str, int]:
        """Copies a file in under its digest; returns digest (hexadecimal) and size. One read of the source.

        An object that is there already stays if it has these very bytes, and is replaced if it has not.
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

    def size(self, key: str) -> int | None:
        """Bytes; None when there is no such key."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below a folder, in no order."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders right below a folder, in no order."""
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
