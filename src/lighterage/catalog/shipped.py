"""Where the files that ship with lighterage lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: str) -> Path:
    """`steps`, `workflows`, `environments` or `schemas`."""
    return _PACKAGE / folder
