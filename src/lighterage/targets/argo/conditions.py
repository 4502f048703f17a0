"""A task's condition as Argo evaluates it before there is a pod: ``{{= … }}`` in the language of expr-lang."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ...schemas.contract import Port
from ...schemas.plan import Plan, PlannedTask
from ...schemas.template import COMPARISONS, is_reference, references

_VERBS = {"and": "&&", "or": "||"}
_HARMFUL = re.compile(r"\\\\|[{}\x7f]")
_EXACT = 2**53
"""whole numbers below are the same as doubles"""
_INT64 = 2**63


def conditions(plan: Plan) -> dict[str, str]:
    """Task -> the text of its `when`, for each whose condition Argo can evaluate.

    It cannot know a list, a matrix value or an output that may not exist. Those the launcher decides in the pod, by the
    same expression; and as such a pod may succeed without outputs, what follows it is the launcher's to decide too.
    """
    known = {f"parameters.{name}": port for name, port in plan.parameters.items()}
    present = set(known)
    idle: set[str] = set()
    """tasks whose pods may succeed without outputs"""
    texts = {}
    for task in plan.tasks:
        text = None if task.when is None else condition(task.when, known)
        if text is not None:
            texts[task.name] = text
        undecided = task.when is not None and text is None
        if undecided or not idle.isdisjoint(task.needs) or not _given(task, present):
            idle.add(task.name)
            continue
        if not task.allow_failure:
            outputs = plan.steps[task.step].outputs.items()
            sure = {f"{task.name}.{name}": port for name, port in outputs if not port.optional}
            present |= sure.keys()
            hidden = task.many or task.repeat or task.approve  # inside a template of its own
            known |= {} if hidden else sure
    return texts


def _given(task: PlannedTask, present: set[str]) -> bool:
    """Whether everything that the inputs refer to is sure to exist once the tasks before have succeeded."""
    return all(name in present or name.startswith("matrix.") for name in references(task.inputs))


def condition(expression: Any, known: Mapping[str, Port]) -> str | None:
    """The text of one `when`; None where Argo cannot know. ``known`` are the references that it can evaluate."""
    try:
        return f"{{{{= {_wrongly_given(expression, known)}{_text(expression, known)} }}}}"
    except _NotHere:
        return None


def _wrongly_given(expression: Any, known: Mapping[str, Port]) -> str:
    """Lets a task begin, so that its launcher refuses, when a boolean was submitted as `yes`: to Argo that is false."""
    asked = {name for name in references(expression) if name.startswith("parameters.")}
    flags = sorted(name for name in asked if name in known and known[name].type == "boolean")
    return "".join(f"!(workflow.{name} in ['true', 'false']) || " for name in flags)


class _NotHere(Exception):
    pass


def _text(expression: Any, known: Mapping[str, Port], beside: Any = 0) -> str:
    """An expression's text. ``beside`` is what it is compared with."""
    if not isinstance(expression, list):
        return _leaf(expression, known, beside)
    verb, *operands = expression
    if verb in COMPARISONS:
        left, right = operands
        return f"({_text(left, known, right)} {verb} {_text(right, known, left)})"
    parts = [_text(operand, known) for operand in operands]
    if verb == "not":
        return f"!({parts[0]})"
    return "(" + f" {_VERBS[verb]} ".join(parts) + ")"


def _leaf(leaf: Any, known: Mapping[str, Port], beside: Any) -> str:
    if is_reference(leaf):
        return _reference(leaf["$ref"], known, beside)
    if isinstance(leaf, str):
        return _literal(leaf)
    if isinstance(leaf, int) and abs(leaf) < _INT64:
        return json.dumps(leaf)
    if isinstance(leaf, float) and math.isfinite(leaf):
        return json.dumps(leaf)
    raise _NotHere


def _reference(name: str, known: Mapping[str, Port], beside: Any) -> str:
    """Everything is text to Argo, so each reference is read by its type."""
    if name not in known:
        raise _NotHere
    first, _, rest = name.partition(".")
    place = f"workflow.parameters.{rest}" if first == "parameters" else f"tasks['{first}'].outputs.parameters.{rest}"
    match known[name].type:
        case "integer":
            return f"asInt({place})"
        case "number" if first == "parameters" or _survives_rounding(beside):
            return f"asFloat({place})"
        case "number":  # an output that holds a whole number is compared as one
            return f"({place} matches '[.eE]' ? asFloat({place}) : asInt({place}))"
        case "boolean":
            return f"({place} == 'true')"
        case "string":
            return place
    raise _NotHere


def _survives_rounding(beside: Any) -> bool:
    """Whether a number may become a double before it is compared with this, and the verdict stays."""
    return isinstance(beside, float) or (isinstance(beside, int) and abs(beside) < _EXACT)


def _literal(text: str) -> str:
    """A string in which no brace and no backslash is left: `}}` would end the expression and `{{` begin another, and
    Argo takes `\\u003c` for a `<` that JSON has escaped, whatever stands before it."""
    return _HARMFUL.sub(lambda match: f"\\u{ord(match[0][-1]):04x}", json.dumps(text, ensure_ascii=False))
