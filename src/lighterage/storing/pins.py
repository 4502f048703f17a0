"""How an old object or result is kept from being collected by whoever counts on it without having written it.

Two processes, and no lock that a bucket would offer. Whoever finds something that is not young *pins* it, then looks
whether a collection is about to remove it, then looks whether it is still there. A collection says what it is about to
remove, then looks for pins, then removes. So either the collection sees the pin, or the finder sees the collection and
waits until it is through; docs/store.md has the whole argument.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable

from .backend import Backend

YOUNG = 43_200.0
"""seconds after it was written or pinned for which nothing needs a pin: half of the shortest grace"""
GRACE = 2 * YOUNG
"""seconds before which nothing is removed that is referred to by nothing: writers count on it"""
HASTE = 60.0
"""seconds after which a collection that said what it is about to remove removes no more of it"""
PATIENCE = 300.0
"""seconds to wait for a collection. After that it is dead: it would have hurried"""
SETTLED = 3_600.0
"""seconds after which no collection can be at work any more that looked before something was pinned"""

MARKS = "collecting"
"""folder of what collections are about to remove"""
PINS = "pins"


def lasts(backend: Backend, key: str, written: float) -> bool:
    """Whether what was found at ``key`` may be counted on for another `YOUNG` seconds; it is pinned where it must be.

    ``written`` is when, in seconds since 1970. False for what is gone, or may go: it must be written anew.
    """
    if time.time() - written < YOUNG:
        return True
    pin = backend.look(pin_of(key))
    since = time.time() - pin.modified if pin else math.inf
    if since >= YOUNG:
        backend.replace(pin_of(key), b"")
    if not SETTLED <= since < YOUNG and not _spared(backend, key):
        return False
    return backend.look(key) is not None


def pin_of(key: str) -> str:
    """Where the pin of an object or result lies; both are named by 64 hexadecimal digits."""
    return f"{PINS}/{key.rpartition('/')[2].removesuffix('.json')}"


def say(backend: Backend, mark: str, keys: Iterable[str]) -> None:
    """Says that these keys are about to be removed, until ``mark`` is removed itself."""
    backend.replace(mark, json.dumps(list(keys)).encode())


def _spared(backend: Backend, key: str) -> bool:
    """Waits until no collection is about to remove a key; False when one seems to for ever."""
    until = time.monotonic() + PATIENCE
    while _is_condemned(backend, key):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _is_condemned(backend: Backend, key: str) -> bool:
    for mark in backend.list(MARKS):
        try:
            if key in json.loads(backend.read(mark)):
                return True
        except FileNotFoundError:
            continue  # it has just finished
    return False
