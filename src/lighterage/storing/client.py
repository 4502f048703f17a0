"""What is asked of an object store's library: eleven calls on whole keys. Everything else is `objects.ObjectBackend`'s."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

from .backend import Listed
from .errors import StoreError

Result = TypeVar("Result")

PART = 8 << 20
"""bytes of one request, and of what is held in memory for it"""
DIGEST = "sha256"
"""name of the metadata that holds an object's digest"""
CHANGES = "no-cache"
"""Cache-Control of what may be written anew, such as a channel of a fleet: Google's own caches, and others that stand
before a bucket, may show what was there before for an hour or a day"""


class Head(NamedTuple):
    """What a server tells of an object."""

    size: int
    digest: str | None
    """hexadecimal, as whoever wrote it said; None where nobody did"""
    modified: float
    """when it was last written, in seconds since 1970 by the server's clock"""
    version: str
    """another for other content, in the server's words"""


class Readable(Protocol):
    """A file, or what passes for one."""

    def read(self, size: int = ..., /) -> bytes: ...


class Client(Protocol):
    """Every call ends within `Patience.call` seconds for each `PART` of its data, in an answer or a StoreError.

    Reads, lists and overwriting writes are tried again after what may pass: 5xx, SlowDown, resets, timeouts.
    """

    def get(self, key: str) -> tuple[int, bytes]:
        """The object's size and its first `PART`. Raises FileNotFoundError."""
        ...

    def get_range(self, key: str, start: int, end: int) -> memoryview:
        """Bytes from start up to, not including, end. Raises FileNotFoundError."""
        ...

    def head(self, key: str) -> Head | None:
        """None when there is no such key."""
        ...

    def create(self, key: str, data: bytes, digest: str | None) -> bool:
        """Tries once; False when the key is there. Raises Uncertain when nobody can say whether it was written."""
        ...

    def put(self, key: str, data: bytes, digest: str | None) -> None:
        """Writes a key, there or not."""
        ...

    def put_file(self, key: str, file: Readable, size: int, digest: str | None) -> None:
        """The same with a file's bytes from where it stands, in parts; what goes wrong leaves no object."""
        ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """Keys that begin with a text that ends in a slash."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Names between that text and the next slash."""
        ...

    def delete(self, key: str) -> None:
        """Tries once. Raises FileNotFoundError where the server tells, and Uncertain."""
        ...

    def move(self, key: str, to: str) -> None:
        """Raises FileNotFoundError."""
        ...


class Patience(NamedTuple):
    """How long to wait, in seconds."""

    call: float = 60.0
    """for a call with all its attempts"""

    @property
    def connect(self) -> float:
        return min(5.0, self.call / 4)

    @property
    def attempt(self) -> float:
        """for one request and its answer"""
        return self.call / 3

    @property
    def retrying(self) -> float:
        """after which no other attempt begins"""
        return self.call / 2

    @property
    def pause(self) -> float:
        """between attempts, at most"""
        return min(5.0, self.call / 6)


def patience() -> Patience:
    """As LIGHTERAGE_STORE_TIMEOUT says. Raises StoreError for what is no number of seconds."""
    said = os.environ.get("LIGHTERAGE_STORE_TIMEOUT")
    try:
        seconds = float(said) if said else Patience().call
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise StoreError(f"LIGHTERAGE_STORE_TIMEOUT is {said!r}; seconds are expected, 0.1 to 86400")
    return Patience(seconds)


def patiently(
    ask: Callable[[], Result], patience: Patience, failure: type[Exception], is_final: Callable[[Any], bool]
) -> Result:
    """Asks again after a failure that came at once. Libraries do so too, but not when the answer that they cannot read
    is itself about an error."""
    until = time.monotonic() + patience.call / 8
    while True:
        try:
            return ask()
        except failure as error:
            if is_final(error) or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0, patience.call / 100))


def reason(error: BaseException) -> str:
    """The first line of a library's message, without queries of URLs, which may hold signatures."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"\?\S+", "", lines[0])[:300]
