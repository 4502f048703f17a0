"""The bundles on a device: one in use, the one before it, and what was refused. `installed.json` is the one truth.

installed.json       replaced as a whole: whoever reads it finds the state before a change or after it
bundles/<digest>.zip
current, previous    links to bundles, for programs that want a path; set right whenever the folder is opened for a change
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import UpdateError

FORMAT = "lighterage/installed/1"
STATE = "installed.json"


@dataclass(frozen=True)
class Slot:
    """A bundle that is or was in use."""

    digest: str
    release: int
    channel: str
    signed_by: str | None


@dataclass(frozen=True)
class State:
    bundle: str | None = None
    """name that the first release had; another one is refused"""
    current: Slot | None = None
    previous: Slot | None = None
    seen: int = 0
    """the highest release that was offered: a lower one is old"""
    refused: int = 0
    """the highest release that failed its trial or was rolled back: not offered again"""
    trying: int = 0
    """the release on trial"""
    trials: int = 0
    """how often its trial began"""


class Installed:
    """A folder of bundles. Raises UpdateError for what the disk does, and for a state that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self) -> State:
        try:
            data = json.loads((self.folder / STATE).read_bytes())
            if data.pop("format") != FORMAT:
                raise ValueError("another version of this library wrote it")
            slots = {name: Slot(**data[name]) if data[name] else None for name in ("current", "previous")}
            return State(**{**data, **slots})
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "take the folder away to begin anew"
            raise UpdateError("nothing-installed", f"{self.folder / STATE} cannot be read: {error}", hint) from None

    def save(self, state: State) -> None:
        """The moment of every change."""
        text = json.dumps({"format": FORMAT, **asdict(state)}, indent=1) + "\n"
        self.write(self.folder / STATE, text.encode())

    def bundle(self, digest: str) -> Path:
        return self.folder / "bundles" / f"{digest.removeprefix('sha256:')}.zip"

    def holds(self, digest: str) -> bool:
        """Whether the bundle is here, with these very bytes."""
        return self.read(digest) is not None

    def read(self, digest: str) -> bytes | None:
        try:
            content = self.bundle(digest).read_bytes()
        except OSError:
            return None
        return content if digest_of(content) == digest else None

    def keep(self, digest: str, content: bytes) -> None:
        """Writes a bundle whose digest has been looked at."""
        self.write(self.bundle(digest), content)

    def write(self, place: Path, content: bytes) -> None:
        """All or nothing, and it survives a power cut."""
        partial = place.with_name(place.name + ".part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(place)
            _sync(place.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            hint = "make room or let the folder be written; what was in use stays"
            raise UpdateError("failed-write", f"{place}: {error.strerror}", hint) from None

    def tidy(self) -> None:
        """Sets the links right, and removes what neither the current nor the previous bundle is."""
        state = self.state()
        for name, slot in (("current", state.current), ("previous", state.previous)):
            with contextlib.suppress(OSError):  # a file system without links
                self._link(name, slot)
        stay = {self.bundle(slot.digest) for slot in (state.current, state.previous) if slot}
        with contextlib.suppress(OSError):
            for file in (self.folder / "bundles").iterdir():
                if file not in stay:
                    file.unlink()

    def _link(self, name: str, slot: Slot | None) -> None:
        link = self.folder / name
        if slot is None:
            link.unlink(missing_ok=True)
            return
        to = self.bundle(slot.digest).relative_to(self.folder)
        if link.is_symlink() and link.readlink() == to:
            return
        new = link.with_name(f"{name}.part")
        new.unlink(missing_ok=True)
        new.symlink_to(to)
        new.replace(link)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other process changes the folder meanwhile. A lock that ends with the process. Raises UpdateError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            hint = "give a folder that this process may write"
            raise UpdateError("failed-write", f"{self.folder}: {error.strerror}", hint) from None
        with lock:
            _lock(lock)
            yield


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _lock(file: Any) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no device that this is for
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UpdateError("busy", "another process updates this folder", "wait for it") from None


def _sync(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
