"""Folders of a local store: made, synced, and cleaned of what killed processes left."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from pathlib import Path

from .errors import NoStore, StoreError


def open_folder(root: Path, create: bool) -> None:
    """Makes a store's folder when asked for. Raises StoreError when there is none, or none can be made."""
    try:
        if create:
            root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{root}: a store cannot be made here: {error.strerror}") from None
    if not root.is_dir():
        raise NoStore(f"there is no store at {root}; a run makes one")


def make_folder(folder: Path, *, sync: bool) -> None:
    """A folder and its parents; with ``sync`` each new one survives a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent, sync=sync)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    if sync:
        sync_folder(folder.parent)  # also of a folder that another process has just made and not yet synced


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def owned_name() -> str:
    """`<pid>-<machine>-<random>`: what a killed process leaves can be told from work in progress."""
    return f"{os.getpid()}-{_machine()}-{os.urandom(6).hex()}"


def clean(root: Path) -> None:
    """Removes what killed processes of this machine left in `tmp/` and `work/`.

    The process ids of other machines that share the folder mean nothing here, so theirs stay.
    """
    for folder in (root / "tmp", root / "work"):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                owner, _, rest = entry.name.partition("-")
                if rest.startswith(_machine()) and owner.isdigit() and not _is_alive(int(owner)):
                    _remove(Path(entry.path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@functools.cache
def _machine() -> str:
    """Where this process's number is unique: a host since its start, or a container of its own on a host.

    Not the host's name where there is better: two hosts that share a folder may both be called localhost.
    """
    try:
        host = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        import socket

        host, processes = socket.gethostname(), ""
    return hashlib.sha256(f"{host} {processes}".encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
