"""A store in a folder. Files appear whole: written in `tmp/`, synced, then linked or renamed into place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .backend import CHUNK, Listed, object_key
from .errors import explained
from .files import check_file, mode_of, no_follow
from .folders import make_folder, owned_name, sync_folder
from .pins import lasts

_FICLONE = 0x40049409
"""ioctl of Linux that makes one file share another's blocks"""


class LocalBackend:
    """Keys are files below a folder. What is published, or created with ``sync``, survives a power cut."""

    parallel = 8

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def read(self, key: str) -> bytes:
        with explained(self._path(key)):
            return self._path(key).read_bytes()

    def create(self, key: str, data: bytes, *, sync: bool = True) -> bool:
        with self._partial(key) as partial:
            _write(partial, data, 0o444, sync=sync)
            return self._link(partial, self._path(key), sync=sync)

    def replace(self, key: str, data: bytes) -> None:
        place = self._path(key)
        with self._partial(key) as partial:
            _write(partial, data, 0o644)
            try:
                partial.replace(place)
            except FileNotFoundError:
                place.parent.mkdir(parents=True, exist_ok=True)
                partial.replace(place)

    def replace_file(self, key: str, source: Path) -> None:
        place = self._path(key)
        with self._partial(key) as partial:
            with source.open("rb") as read, open(partial, "xb+", opener=mode_of(0o644)) as write:
                _copy(read, write)
            place.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(place)

    def publish(self, source: Path) -> tuple[str, int]:
        with self._partial(f"{source} ({source.lstat().st_size:,} bytes)") as partial:
            digest, size = _copy_in(source, partial)
            self._publish(partial, digest)
        return digest, size

    def publish_bytes(self, digest: str, data: bytes) -> None:
        with self._partial(digest) as partial:
            _write(partial, data, 0o444, sync=True)
            self._publish(partial, digest)

    def _publish(self, partial: Path, digest: str) -> None:
        key = object_key(digest)
        place = self._path(key)
        if self._link(partial, place, sync=True):
            return
        # Damage heals here too: a truncated object would otherwise be a miss for ever and never made anew.
        there = self.look(key)
        if there is None or not _same(partial, place) or not lasts(self, key, there.modified):
            make_folder(place.parent, sync=True)
            partial.replace(place)
            sync_folder(place.parent)

    def stage(self, key: str, destination: Path, executable: bool = False) -> str:
        source = self._path(key)
        with explained(destination):
            destination.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as read:
                if not executable and _is_protected(source) and _linked(source, destination):
                    return hashlib.file_digest(read, "sha256").hexdigest()
                with open(destination, "xb+", opener=mode_of(0o555 if executable else 0o444)) as write:
                    return _copy(read, write)[0]

    def open(self, key: str) -> BinaryIO:
        with explained(self._path(key)):
            return self._path(key).open("rb")

    def look(self, key: str) -> Listed | None:
        try:
            status = self._path(key).stat()
        except OSError:
            return None
        return Listed(key, status.st_size, status.st_mtime)

    def list(self, prefix: str) -> Iterator[str]:
        for folder, _, files in os.walk(self._path(prefix)):
            for file in files:
                yield (Path(folder) / file).relative_to(self.root).as_posix()

    def entries(self, prefix: str) -> Iterator[Listed]:
        for key in self.list(prefix):
            with contextlib.suppress(FileNotFoundError):
                status = self._path(key).stat()
                yield Listed(key, status.st_size, status.st_mtime)

    def folders(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix)
        with contextlib.suppress(FileNotFoundError), explained(folder), os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.is_dir())

    def remove(self, key: str) -> None:
        with explained(self._path(key)), contextlib.suppress(FileNotFoundError):
            self._path(key).unlink()

    def set_aside(self, key: str) -> None:
        place = self._path(key)
        aside = self.root / "damaged" / f"{place.name}-{os.urandom(4).hex()}"
        with contextlib.suppress(OSError):
            aside.parent.mkdir(exist_ok=True)
            place.rename(aside)

    def _path(self, key: str) -> Path:
        return self.root / key

    @contextlib.contextmanager
    def _partial(self, what: str) -> Iterator[Path]:
        """A place in `tmp/` to write, taken away afterwards; errors name the store and what was to go in."""
        partial = self.root / "tmp" / owned_name()
        with explained(self.root, f" while keeping {what}"):
            if not partial.parent.is_dir():
                partial.parent.mkdir(exist_ok=True)
            try:
                yield partial
            finally:
                partial.unlink(missing_ok=True)

    @staticmethod
    def _link(partial: Path, place: Path, *, sync: bool) -> bool:
        """Puts a finished file in place unless something is there: of several at once one wins."""
        try:
            try:
                os.link(partial, place)
            except FileNotFoundError:
                make_folder(place.parent, sync=sync)
                os.link(partial, place)
        except FileExistsError:
            return False
        if sync:
            sync_folder(place.parent)
        return True


def _write(place: Path, data: bytes, mode: int, *, sync: bool = False) -> None:
    with open(place, "xb", opener=mode_of(mode)) as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _copy_in(source: Path, partial: Path) -> tuple[str, int]:
    """A synced copy of a plain file; the digest is of the bytes written, whatever becomes of the source."""
    with open(source, "rb", opener=no_follow) as read, open(partial, "xb+", opener=mode_of(0o444)) as write:
        check_file(os.fstat(read.fileno()), source.name)
        copied = _copy(read, write)
        write.flush()
        os.fsync(write.fileno())
        return copied


def _copy(read: BinaryIO, write: BinaryIO) -> tuple[str, int]:
    """Copies while hashing; where blocks are shared only the hash is left to do. Returns digest and bytes."""
    digest = hashlib.sha256()
    shared = _share_blocks(read.fileno(), write.fileno())
    if shared:
        read = write  # what was shared cannot change any more, the source can
    buffer = memoryview(bytearray(CHUNK))
    size = 0
    while count := read.readinto(buffer):  # type: ignore[attr-defined]
        digest.update(buffer[:count])
        size += count
        if not shared:
            write.write(buffer[:count])
    return digest.hexdigest(), size


def _same(partial: Path, place: Path) -> bool:
    import filecmp

    try:
        return filecmp.cmp(partial, place, shallow=False)
    except FileNotFoundError:
        return False


def _share_blocks(source: int, destination: int) -> bool:
    """As btrfs and xfs can; the copy is a file of its own all the same."""
    try:
        import fcntl

        fcntl.ioctl(destination, _FICLONE, source)
        return True
    except (OSError, ImportError):
        return False


def _is_protected(source: Path) -> bool:
    """Whether modes keep this process from writing: they do not keep root from it."""
    return not os.access(source, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _linked(source: Path, destination: Path) -> bool:
    """False across file systems, and where a file has all the links that it can have."""
    try:
        os.link(source, destination)
        return True
    except FileExistsError:
        raise
    except OSError:
        return False
