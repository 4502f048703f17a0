"""How local files are opened."""

from __future__ import annotations

import os
from collections.abc import Callable


def mode_of(mode: int) -> Callable[[str, int], int]:
    """An opener that makes files with a mode."""
    return lambda path, flags: os.open(path, flags, mode)


def no_follow(path: str, flags: int) -> int:
    """An opener that refuses symbolic links and does not wait for a pipe's other end."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
