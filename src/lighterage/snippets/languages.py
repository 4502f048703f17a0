"""How each language writes a string, a number and a list: the only way for a bundle's words into a snippet.

Strings come out as printable ASCII, everything else escaped, so that nothing in a name or a label can end the literal
that it stands in, or be read as code, or turn the text around for who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .facts import Value

WIDTH = 100
PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - set("\"'\\$<>&?`")
"""characters that stand for themselves in a string of every language here"""


@dataclass(frozen=True)
class Language:
    """``escape`` writes one character that is not plain."""

    escape: Callable[[str], str]
    types: dict[str, str]
    """element type of a tensor -> the language's name for it"""
    brackets: tuple[str, str] = ("[", "]")
    suffix: str = field(kw_only=True)
    """of a file with the snippet"""

    def literal(self, value: Value) -> str:
        """``value`` as code."""
        if isinstance(value, list):
            return _lines(map(self.literal, value), *self.brackets)
        if isinstance(value, str):
            return '"' + "".join(one if one in PLAIN else self.escape(one) for one in _whole(value)) + '"'
        return repr(value)


def _whole(text: str) -> str:
    """Halves of surrogate pairs, which no UTF-8 can hold, as the character that stands for such."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _lines(items: Iterable[str], start: str, end: str) -> str:
    """The list on one line, or on as many as it needs."""
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > WIDTH:
            lines.append("")
        lines[-1] += f"{item}, "
    if len(lines) == 1:
        return start + lines[0].removesuffix(", ") + end
    lines[-1] = lines[-1].removesuffix(", ")
    return "\n".join([start, *(f"    {line.rstrip()}" for line in lines), end])


def _utf16(character: str) -> str:
    """`\\u` and four digits, twice for what is beyond them."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _octal(character: str) -> str:
    """Bytes of UTF-8. Three octal digits end by themselves, which hexadecimal ones in C do not."""
    return "".join(f"\\{byte:03o}" for byte in character.encode())


LANGUAGES = {
    "cpp": Language(
        _octal,
        {"float32": "float", "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t"},
        ("{", "}"),
        suffix=".h",
    ),
    "javascript": Language(
        _utf16,
        {"float32": "Float32Array", "int8": "Int8Array", "uint8": "Uint8Array", "int16": "Int16Array"},
        suffix=".mjs",
    ),
    "kotlin": Language(
        _utf16, {"float32": "Float", "int8": "Byte", "uint8": "UByte", "int16": "Short"}, ("(", ")"), suffix=".kt"
    ),
    "python": Language(
        lambda one: f"\\U{ord(one):08x}",
        {"float32": "np.float32", "int8": "np.int8", "uint8": "np.uint8", "int16": "np.int16"},
        suffix=".py",
    ),
    "swift": Language(
        lambda one: f"\\u{{{ord(one):x}}}",
        {"float32": "Float", "int8": "Int8", "uint8": "UInt8", "int16": "Int16"},
        suffix=".swift",
    ),
}
