"""Trivial jobs, each adding one to its input: the same list for every tool."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ADD = """\
import sys

source, target = sys.argv[1:]
with open(source) as file:
    value = int(file.read())
with open(target, "w") as file:
    file.write(str(value + 1))
"""
"""The job of the tools that pass files."""


class Job(NamedTuple):
    """Reads what ``source`` made; None: starts from 0."""

    name: str
    source: str | None


def chain(length: int) -> list[Job]:
    """One after another: the last makes ``length``."""
    return [Job(f"t{index}", f"t{index - 1}" if index else None) for index in range(length)]


def fan_out(width: int) -> list[Job]:
    """All at once: each makes 1."""
    return [Job(f"t{index}", None) for index in range(width)]


def value_of_last(jobs: list[Job]) -> int:
    """What the last job makes."""
    return len(jobs) if jobs[-1].source else 1


def write_add(folder: Path) -> None:
    """``add.py`` and the file that jobs without a source read."""
    (folder / "add.py").write_text(ADD)
    (folder / "start").write_text("0")
