"""Characters and lines as YAML sees them."""

from __future__ import annotations

import re
import unicodedata

FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
"""what no YAML file may hold (YAML 1.2, not c-printable), and byte order marks, which PyYAML's parsers take differently.
Listed rather than negated: a negated class takes 30 times as long to compile."""
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def split_lines(text: str) -> list[str]:
    """Lines as both of PyYAML's parsers count them; at least one."""
    return _BREAK.split(text)


def line_starts(text: str) -> list[int]:
    """Where each of those lines begins."""
    return [0, *(found.end() for found in _BREAK.finditer(text))]


def unusable(text: str) -> str | None:
    """NUL or half a surrogate pair, which escapes can smuggle in: no path or UTF-8 file can hold them."""
    bad = _UNUSABLE.search(text)
    return bad[0] if bad else None


def invisible(name: str) -> str | None:
    """The first control, format or bidi character of a name: it would not be what it seems."""
    if name.isprintable():
        return None
    return next((char for char in name if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")), None)
