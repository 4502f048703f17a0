"""The mistakes in a text, as short as a test wants them."""

from __future__ import annotations

from lighterage.diagnostics import Mistakes
from lighterage.reading import read_document


def mistakes_in(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of each."""
    try:
        read_document(text, "text.yaml")
    except Mistakes as error:
        return [(one.code, one.line, one.column) for one in error.diagnostics]
    return []
