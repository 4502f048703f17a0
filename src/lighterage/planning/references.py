"""`${task.output}` inside text -> templates, and expressions -> prefix lists. Nothing is looked up here."""

from __future__ import annotations

import math
import re
from typing import Any

from ..schemas.template import COMPARISONS, reference

_REFERENCE = re.compile(r"\$(?P<literal>\$\{)|\$\{(?P<name>[^{}]*)\}")
_NAME = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?\.[a-z][a-z0-9_]*|item")
_DEEPEST = 32
_INT64 = 2**63


class Malformed(Exception):
    """Text that cannot be understood; ``offset`` counts characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def parse_value(value: Any) -> Any:
    """A value as people write it -> a template; `$${` stands for `${`.

    Raises Malformed for text; lists and objects are the caller's to walk.
    """
    if not isinstance(value, str) or "${" not in value:
        return value
    pieces: list[Any] = [""]
    end = 0

    def say(text: str) -> None:
        if isinstance(pieces[-1], str):
            pieces[-1] += text
        else:
            pieces.append(text)

    for match in _REFERENCE.finditer(value):
        _no_loose_start(value, end, match.start())
        say(value[end : match.start()])
        if match["literal"]:
            say(match["literal"])
        else:
            pieces.append(reference(_name(match["name"], match.start())))
        end = match.end()
    _no_loose_start(value, end, len(value))
    say(value[end:])
    pieces = [piece for piece in pieces if piece != ""]
    return pieces[0] if len(pieces) == 1 else {"$text": pieces}


def _no_loose_start(text: str, start: int, end: int) -> None:
    loose = text.find("${", start, end)
    if loose >= 0:
        message = (
            "'${' starts a reference that has no end; write ${task.output}, or $${ for these characters themselves"
        )
        raise Malformed(message, loose)


def _name(text: str, offset: int) -> str:
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise Malformed(f"{text!r} is not a reference; write ${{task.output}} or ${{parameters.name}}", offset)
    return name


def _number(text: str, offset: int) -> int | float:
    whole = not any(mark in text for mark in ".eE")
    value: int | float = int(text[:40]) if whole else float(text)
    if not abs(value) < (_INT64 if whole else math.inf):  # what no engine on the way could hold
        raise Malformed(f"{text[:40]} is too large a number to compare with", offset)
    return value


_TOKEN = re.compile(
    r"\s*(?:(?P<ref>\$\{[^{}]*\})|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|<|>|\(|\)))"
)


def parse_expression(text: str) -> Any:
    """``"${evaluate.accuracy} >= 0.9 and ${parameters.ship}"`` -> ``["and", [">=", …, 0.9], …]``. Raises Malformed."""
    parser = _Parser(text)
    expression = parser.either()
    if parser.kind != "end":
        raise Malformed(f"nothing is expected after the condition, found {parser.text!r}", parser.offset)
    return expression


class _Parser:
    """Recursive descent over `or`, `and`, `not`, one comparison, and operands."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.next = 0
        self.depth = 0
        self.advance()

    def advance(self) -> None:
        rest = self.source[self.next :]
        self.offset = self.next + len(rest) - len(rest.lstrip())
        match = _TOKEN.match(self.source, self.next)
        if match:
            self.kind, self.text = str(match.lastgroup), match[str(match.lastgroup)]
            self.next = match.end()
        elif rest.strip():
            raise Malformed(f"{rest.strip()[0]!r} has no meaning in a condition", self.offset)
        else:
            self.kind, self.text = "end", "the end"

    def take(self, *texts: str) -> str | None:
        if self.kind in ("word", "sign") and self.text in texts:
            taken = self.text
            self.advance()
            return taken
        return None

    def either(self) -> Any:
        return self._chain("or", self.both)

    def both(self) -> Any:
        return self._chain("and", self.negation)

    def _chain(self, word: str, part: Any) -> Any:
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else [word, *parts]

    def negation(self) -> Any:
        negations = 0
        while self.take("not"):
            negations += 1
        inner = self.comparison()
        return ["not", inner] if negations % 2 else inner

    def comparison(self) -> Any:
        left = self.operand()
        sign = self.take(*COMPARISONS)
        if not sign:
            return left
        right = self.operand()
        if self.kind == "sign" and self.text in COMPARISONS:
            raise Malformed("comparisons cannot be chained; join two of them with `and`", self.offset)
        return [sign, left, right]

    def operand(self) -> Any:
        kind, text, offset = self.kind, self.text, self.offset
        if self.take("("):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise Malformed(f"more than {_DEEPEST} parentheses inside each other", offset)
            inner = self.either()
            self.depth -= 1
            if not self.take(")"):
                raise Malformed(f"')' is expected here, found {self.text!r}", self.offset)
            return inner
        if kind in ("end", "sign") or (kind == "word" and text not in ("true", "false")):
            raise Malformed(f"a value is expected here, found {text!r}", offset)
        self.advance()
        match kind:
            case "ref":
                return reference(_name(text[2:-1], offset))
            case "number":
                return _number(text, offset)
            case "word":
                return text == "true"
        return text[1:-1]
