"""Large objects in parts, side by side, with memory for a few of them whatever the object's size."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .client import PART, Client
from .errors import StoreError

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 4
"""parts on their way at one time"""
_TICK = 0.02
"""seconds, at least the time between two values of a file system's clock"""


Done = Callable[[memoryview, int], object]
"""Takes a part and where it begins, in the thread that fetched it."""


class Parts:
    """An object's bytes in order, each part a request of its own, so that one that fails is asked for again alone."""

    def __init__(self, client: Client, name: str, size: int, first: bytes) -> None:
        self._client = client
        self._name = name
        self._size = size
        self._first = first

    def __iter__(self) -> Iterator[memoryview]:
        return self.each()

    def each(self, done: Done | None = None) -> Iterator[memoryview]:
        """All parts; ``done`` is told of each before it comes, of several at a time."""
        first = memoryview(self._first)
        if done:
            done(first, 0)
        yield first
        starts = range(len(first), self._size, PART)
        if not starts:
            return
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(min(_AHEAD, len(starts)))
        coming: deque[Future[memoryview]] = deque()
        try:
            for start in starts:
                coming.append(pool.submit(self._part, start, done))
                if len(coming) > _AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _part(self, start: int, done: Done | None) -> memoryview:
        end = min(start + PART, self._size)
        data = self._client.get_range(self._name, start, end)
        if len(data) != end - start:
            raise StoreError(f"{self._name}: bytes {start} to {end} were asked for and {len(data)} came")
        if done:
            done(data, start)
        return data

    def as_file(self) -> io.RawIOBase:
        """For who reads from begin to end."""
        return _Reader(iter(self))


class _Reader(io.RawIOBase):
    def __init__(self, parts: Iterator[memoryview]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = part
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            close = getattr(self._parts, "close", None)
            if close:
                close()
        super().close()


def save(parts: Parts, file: BinaryIO) -> str:
    """Writes all parts, side by side with hashing them; returns their digest (hexadecimal)."""
    digest = hashlib.sha256()
    handle = file.fileno()

    def write(data: memoryview, start: int) -> None:
        while data:
            written = os.pwrite(handle, data, start)
            data, start = data[written:], start + written

    for part in parts.each(write):
        digest.update(part)
    return digest.hexdigest()


class Unchanged(io.RawIOBase):
    """A file that was read for its digest and is read again to be sent. It refuses to end when somebody wrote to it
    between: so nothing is kept of a file that changes meanwhile. Parts may be read again, as they are when they are
    sent again."""

    def __init__(self, file: BinaryIO, size: int, before: os.stat_result, source: Path) -> None:
        self._file = file
        self._size = size
        self._before = _state(before)
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        if not data or self._file.tell() >= self._size:
            self._check()
        return data

    def _check(self) -> None:
        if _state(os.fstat(self._file.fileno())) != self._before:
            raise OSError(f"{self._source} changed while it was being kept")


def settled(file: BinaryIO) -> os.stat_result:
    """The state of a file, as soon as a later write must show in it: clocks of file systems tick a few hundred times a
    second, and a write within the tick of the last one leaves no trace."""
    while True:
        status = os.fstat(file.fileno())
        age = time.time() - status.st_ctime
        if not 0 <= age < _TICK:
            return status
        time.sleep(_TICK - age)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
