"""A task's condition as Argo evaluates it before there is a pod: ``{{= … }}`` in the language of expr-lang."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...schemas.contract import Port
from ...schemas.template import is_reference

_VERBS = {"and": "&&", "or": "||"}
_BRACES = re.compile(r"[{}\x7f]")


def condition(expression: Any, known: Mapping[str, Port]) -> str | None:
    """The text of `when`. None where Argo cannot know (a list, a matrix value, an output of another shard): then the
    launcher decides in the pod, by the same expression.

    ``known`` are the references that Argo can evaluate here: ``parameters.x`` and ``task.output``.
    """
    try:
        return f"{{{{= {_text(expression, known)} }}}}"
    except _NotHere:
        return None


class _NotHere(Exception):
    pass


def _text(expression: Any, known: Mapping[str, Port]) -> str:
    if not isinstance(expression, list):
        return _leaf(expression, known)
    verb, *operands = expression
    parts = [_text(operand, known) for operand in operands]
    if verb == "not":
        return f"!({parts[0]})"
    return "(" + f" {_VERBS.get(verb, verb)} ".join(parts) + ")"


def _leaf(leaf: Any, known: Mapping[str, Port]) -> str:
    if is_reference(leaf):
        return _reference(leaf["$ref"], known)
    if isinstance(leaf, str):
        return _literal(leaf)
    if isinstance(leaf, bool | int | float):
        return json.dumps(leaf)
    raise _NotHere


def _reference(name: str, known: Mapping[str, Port]) -> str:
    """Everything is text to Argo, so each reference is read by its type."""
    if name not in known:
        raise _NotHere
    first, _, rest = name.partition(".")
    place = f"workflow.parameters.{rest}" if first == "parameters" else f"tasks['{first}'].outputs.parameters.{rest}"
    match known[name].type:
        case "integer":
            return f"asInt({place})"
        case "number":
            return f"asFloat({place})"
        case "boolean":
            return f"({place} == 'true')"
        case "string":
            return place
    raise _NotHere


def _literal(text: str) -> str:
    """A string in which no brace is left, for `}}` would end the expression and `{{` begin another."""
    return _BRACES.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
