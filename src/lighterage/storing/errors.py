"""What can go wrong with a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


class StoreError(Exception):
    """The store cannot be read or written; the message names the place and what is needed."""

    exit_code = 4


class NoStore(StoreError):
    """There is no store at this place."""


class MissingLibrary(StoreError):
    """What this kind of store needs is not installed."""

    exit_code = 3


class Uncertain(StoreError):
    """A write got no answer, or one that says nothing about whether it happened."""


class Damaged(StoreError):
    """An object does not have the content that its name promises; it was put aside."""


class MissingObject(Damaged):
    """An object is not there."""


@contextlib.contextmanager
def explained(place: Path | str, doing: str = "") -> Iterator[None]:
    """The system's errors as StoreErrors that name the place; FileExistsError and FileNotFoundError pass."""
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        raise StoreError(f"{place}: {error.strerror or error}{doing}") from error
