"""Plain scalars by the YAML 1.2 core schema: `yes`, `on`, `12:30` and dates are text, `0o17` and `1e3` are numbers."""

from __future__ import annotations

import math
import re
from typing import Any

_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 4000
_STARTS = frozenset("0123456789+-.~nNtTfF")


class OutOfRange(Exception):
    """A number that no later stage could keep."""


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar. Raises OutOfRange."""
    if text and text[0] not in _STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > _MOST_DIGITS:
            raise OutOfRange(f"an integer of {len(text)} digits is too large")
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise OutOfRange(f"{text[:40]} is too large for a number")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise OutOfRange(f"{text} is not a finite number; quote it if it is text")
    return text
