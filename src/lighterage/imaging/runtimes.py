"""The runtimes that ship: a folder each in `steps/images`, with a Containerfile and a list of locked libraries."""

from __future__ import annotations

import re
from pathlib import Path

from ..catalog.shipped import shipped

ENGINE = "engine"
RUNTIMES = (ENGINE, "tensorflow", "litert")
"""the engine first: the others are made from it"""
BASE = "docker.io/library/python:3.11-slim-bookworm"
"""what the engine is made from unless another base is named"""


def folder_of(name: str) -> Path:
    """Where a runtime's Containerfile and locked libraries lie; `code` adds steps to any of them."""
    return shipped("steps") / "images" / name


def requirements(name: str) -> str:
    """What a runtime adds to the image that it is made from: pinned and hashed, as pip and uv read it."""
    own = _entries(name)
    below = set() if name == ENGINE else set(_entries(ENGINE))
    return "\n".join(entry for entry in own if entry not in below) + "\n"


def _entries(name: str) -> list[str]:
    """A requirement with its hashes each."""
    text = (folder_of(name) / "requirements.lock").read_text(encoding="utf-8")
    return [entry.rstrip() for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
