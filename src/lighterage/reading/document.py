"""A file as read: its value, and where each part of it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..diagnostics import Diagnostic
from .characters import split_lines

Path = tuple[str | int, ...]
MOST_MISTAKES = 500
"""of one file; more of them help nobody and take long"""
_LONGEST_FOUND = 200


@dataclass(slots=True)
class Place:
    """Where a value stands, and its parts (by key or index). Lines and columns count from 1."""

    line: int
    column: int
    parts: dict[str | int, Place] = field(default_factory=dict)
    keys: dict[str | int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A YAML file's one document."""

    value: Any
    file: str
    """as it is shown to people"""
    text: str
    place: Place

    def position(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of what a path leads to, or of the nearest thing above it that exists.

        ``key`` asks for the place of the last key itself rather than of its value.
        """
        place = self.place
        for number, part in enumerate(path, 1):
            if key and number == len(path) and part in place.keys:
                return place.keys[part]
            if part not in place.parts:
                break
            place = place.parts[part]
        return place.line, place.column

    def diagnostic(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        hint: str | None = None,
        found: Any = None,
        key: bool = False,
        severity: Literal["error", "warning"] = "error",
        offset: int = 0,
    ) -> Diagnostic:
        """A mistake in this file. ``offset`` counts characters inside a text; it moves the column where it can."""
        line, column = self.position(path, key=key)
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        if offset and not key:
            column += self._shift(path, source, column, offset)
        told = None if found is None else str(found)[:_LONGEST_FOUND]
        return Diagnostic(code, message, self.file, line, column, path, told, hint, severity, source)

    def _shift(self, path: Path, source: str, column: int, offset: int) -> int:
        """How far the column moves: not at all where the text does not stand on this line as it reads."""
        start = column - 1 + source.startswith(("'", '"'), column - 1)
        before = self._text(path)[:offset]
        return start - column + 1 + offset if before and source.startswith(before, start) else 0

    def _text(self, path: Path) -> str:
        value: Any = self.value
        for part in path:
            value = value[part]
        return value if isinstance(value, str) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.text)
