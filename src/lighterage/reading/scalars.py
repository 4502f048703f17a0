"""Plain scalars by YAML 1.2's core schema: `yes`, `12:30` and dates are text, `0o17` and `1e3` numbers."""

from __future__ import annotations

import math
import re
from typing import Any

_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_STARTS = frozenset("0123456789+-.~nNtTfF")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_MOST_DIGITS = 20


class OutOfRange(Exception):
    """A number that no later stage could keep."""


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar. Raises OutOfRange for numbers not finite or of more than 64 bits."""
    if text and text[0] not in _STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise OutOfRange(f"{_short(text)} is too large for a number")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise OutOfRange(f"{text} is not a finite number; quote it if it is text")
    return text


def _integer(digits: str, base: int) -> int:
    # Python refuses to convert very many decimal digits, so they are counted first
    value = None if base == 10 and len(digits.lstrip("+-0")) > _MOST_DIGITS else int(digits, base)
    if value is None or not _SMALLEST <= value <= _LARGEST:
        raise OutOfRange(f"the integer {_short(digits)} needs more than 64 bits; quote it if it is text")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:27]}…"
