"""Where the files that ship with lighterage lie."""

from __future__ import annotations

from pathlib import Path

from ..diagnostics import Missing

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: str) -> Path:
    """`steps`, `workflows`, `environments` or `schemas`. Raises Missing in a checkout whose links were not made."""
    place = _PACKAGE / folder
    if place.is_dir():
        return place
    raise Missing(
        f"{place} is not a folder: this checkout was made without symbolic links; "
        "clone it again with `git clone -c core.symlinks=true`, or install a wheel"
    )
