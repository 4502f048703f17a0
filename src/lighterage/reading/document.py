"""A file as read: its value, and where each part of it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..diagnostics import Diagnostic

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Place:
    """Where a value stands, and its parts (by key or index). Lines and columns count from 1."""

    line: int
    column: int
    quoted: bool = False
    single_line: bool = True
    parts: dict[str | int, Place] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)


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
        for number, part in enumerate(path):
            if key and number == len(path) - 1 and part in place.keys:
                return place.keys[part]  # type: ignore[index]
            if part not in place.parts:
                break
            place = place.parts[part]
        return place.line, place.column

    def diagnostic(self, code: str, path: Path, message: str, *, hint: str | None = None, found: Any = None, key: bool = False,
                   severity: Literal["error", "warning"] = "error", offset: int = 0) -> Diagnostic:
        """A mistake in this file. ``offset`` counts characters inside a text, and moves the column where it can."""
        line, column = self.position(path, key=key)
        if offset and not key:
            place = self._place(path)
            if place is not None and place.single_line:
                column += offset + place.quoted
        return Diagnostic(code, message, self.file, line, column, path, None if found is None else str(found), hint, severity,
                          self._line(line))

    def _place(self, path: Path) -> Place | None:
        place = self.place
        for part in path:
            if part not in place.parts:
                return None
            place = place.parts[part]
        return place

    def _line(self, number: int) -> str:
        lines = self.text.split("\n", number)
        return lines[number - 1].rstrip("\r") if number <= len(lines) else ""
