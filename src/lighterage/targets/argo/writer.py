"""Writes YAML that Go's reader takes for the very same values.

Go's YAML is 1.1 with habits of its own: ``yes``, ``1e-3``, ``0o14`` and ``1234e56`` are not strings to it. So a string
stands bare only where it is plainly a word; any other is double-quoted. Block style throughout, one line per scalar.
"""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_OTHER_MEANING = re.compile(r"y|n|yes|no|on|off|true|false|null|nan|inf", re.IGNORECASE)
_ESCAPED = re.compile(
    r'[\\"\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff-\uffff]|[^\x00-\uffff]'
)
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_yaml(*documents: Any) -> str:
    """One text of all documents, each a tree of dicts, lists, strings, integers and booleans, in the order given.

    Raises TypeError for anything else, ValueError for text that is not Unicode (a lone surrogate).
    """
    return "---\n".join(map(_document, documents))


def _document(value: Any) -> str:
    lines: list[str] = []
    _block(value, "", lines)
    return "".join(lines)


def scalar(value: str | int | bool) -> str:
    """A scalar as it stands in the text."""
    if isinstance(value, str):
        if _WORD.fullmatch(value) and not _OTHER_MEANING.fullmatch(value):
            return value
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no YAML for {type(value).__name__}")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"a lone surrogate (U+{code:04X}) is not text")
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _block(value: Any, margin: str, lines: list[str], lead: str | None = None) -> None:
    """Adds the lines of a value. ``lead`` is what its first line starts with, where that is not the margin."""
    start = margin if lead is None else lead
    if isinstance(value, dict) and value:
        for name, part in value.items():
            _entry(f"{start}{scalar(name)}:", part, margin, lines)
            start = margin
    elif isinstance(value, list) and value:
        for item in value:
            _block(item, margin + "  ", lines, f"{start}- ")
            start = margin
    else:
        lines.append(f"{start}{_flat(value)}\n")


def _entry(start: str, value: Any, margin: str, lines: list[str]) -> None:
    """Adds a key, which ``start`` holds, and its value. A list stands as far left as its key."""
    if isinstance(value, dict | list) and value:
        lines.append(f"{start}\n")
        _block(value, margin + "  " if isinstance(value, dict) else margin, lines)
    else:
        lines.append(f"{start} {_flat(value)}\n")


def _flat(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return scalar(value)
