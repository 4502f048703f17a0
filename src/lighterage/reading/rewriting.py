"""Puts other text in the place of scalars, and leaves every other character of a file as it is."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..diagnostics import Mistakes
from .characters import line_starts
from .document import Document, Path
from .yaml_text import read_document


class NotPlain(Exception):
    """A scalar that does not stand in the file as it reads: an alias, one with an anchor, escaped or folded text."""

    def __init__(self, path: Path) -> None:
        super().__init__(".".join(map(str, path)))
        self.path = path


def rewritten(document: Document, changes: Mapping[Path, str]) -> str:
    """The document's text with other strings where ``changes`` lead to. Raises NotPlain, having changed nothing."""
    text, expected = document.text, deepcopy(document.value)
    starts = line_starts(text)
    for path in sorted(
        changes, key=document.position, reverse=True
    ):  # from the end, so that places stay where they were
        line, column = document.position(path)
        begin = starts[line - 1] + column - 1
        begin += text.startswith(("'", '"'), begin)
        owner = _at(expected, path[:-1])
        old, owner[path[-1]] = owner[path[-1]], changes[path]
        if not text.startswith(old, begin):
            raise NotPlain(path)
        text = text[:begin] + changes[path] + text[begin + len(old) :]
        if _value(text) != expected:
            raise NotPlain(path)
    return text


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _value(text: str) -> Any:
    try:
        return read_document(text, "").value
    except Mistakes:
        return None
