"""Reading a plan's templates and expressions: the one meaning that every target and the launcher share.

``lookup`` gives the value of a reference (``train.model``, ``parameters.epochs``, ``matrix.units``). What it raises for
one that has no value passes through.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

Lookup = Callable[[str], Any]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def reference(name: str) -> dict[str, str]:
    """The template that stands for a value known later."""
    return {"$ref": name}


def is_reference(template: Any) -> bool:
    return isinstance(template, dict) and "$ref" in template


def references(template: Any) -> Iterator[str]:
    """Every reference in a template or expression, in reading order."""
    if is_reference(template):
        yield template["$ref"]
    elif isinstance(template, dict):
        for part in template.values():
            yield from references(part)
    elif isinstance(template, list):
        for part in template:
            yield from references(part)


def resolve(template: Any, lookup: Lookup) -> Any:
    """The value that a template has once its references are known."""
    if isinstance(template, dict):
        if "$ref" in template:
            return lookup(template["$ref"])
        if "$text" in template:
            return "".join(as_text(resolve(piece, lookup)) for piece in template["$text"])
        return {name: resolve(part, lookup) for name, part in template.items()}
    if isinstance(template, list):
        return [resolve(part, lookup) for part in template]
    return template


def as_text(value: Any) -> str:
    """A scalar as it stands inside a text: ``true``, not ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(expression: Any, lookup: Lookup) -> Any:
    """The value of an expression in prefix form; ``and`` and ``or`` stop as soon as they know."""
    if not isinstance(expression, list):
        return resolve(expression, lookup)
    verb, *operands = expression
    if verb == "not":
        return not evaluate(operands[0], lookup)
    if verb == "and":
        return all(evaluate(operand, lookup) for operand in operands)
    if verb == "or":
        return any(evaluate(operand, lookup) for operand in operands)
    left, right = (evaluate(operand, lookup) for operand in operands)
    return COMPARISONS[verb](*_alike(left, right))


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both sides of a comparison. Beside a float an integer counts as the nearest double: only Python would compare
    them exactly, and a condition must mean the same wherever it is evaluated."""
    if {type(left), type(right)} == {int, float}:
        with suppress(OverflowError):  # larger than every float, and compared as such
            return float(left), float(right)
    return left, right
