"""One mistake, and the two errors that end a command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple


class Diagnostic(NamedTuple):
    """A mistake in somebody's file."""

    code: str
    """L103 …, a page of the catalogue"""
    message: str
    """one sentence without a full stop"""
    file: str
    line: int = 1
    column: int = 1
    path: tuple[str | int, ...] = ()
    """where in the document: keys and indices"""
    found: str | None = None
    """what stands there"""
    hint: str | None = None
    """how to mend it"""
    severity: Literal["error", "warning"] = "error"
    source: str = ""
    """the line of the file"""

    def order(self) -> tuple[str, int, int, str]:
        return self.file, self.line, self.column, self.code

    def as_json(self) -> dict[str, Any]:
        """Every field but the source line, paths joined by dots."""
        told = {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": ".".join(map(str, self.path)),
            "found": self.found,
            "hint": self.hint,
        }
        return {name: value for name, value in told.items() if value is not None}


class Mistakes(Exception):
    """Files that cannot be used, with everything that is wrong in them. Ends a command with exit code 2."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics, key=Diagnostic.order)
        told = (f"{one.file}:{one.line}:{one.column}: {one.code} {one.message}" for one in self.diagnostics)
        super().__init__("; ".join(told))


class Missing(Exception):
    """Something this machine lacks. Ends a command with exit code 3."""


def closest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant; None when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return near[0] if near else None
