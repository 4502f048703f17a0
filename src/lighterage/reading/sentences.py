"""pydantic's complaints in our own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_TYPES = {
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
}


def wanted_types(errors: Iterable[Any]) -> str:
    """``an integer, a number or text``: what the branches of a union would take."""
    types = list(dict.fromkeys(_TYPES.get(error["type"]) or constraint(error) for error in errors))
    return " or ".join(filter(None, [", ".join(types[:-1]), types[-1]]))


def constraint(error: Any) -> str:
    """What a broken constraint asks for, as the end of a sentence."""
    context, value = error.get("ctx", {}), error["input"]
    sentences: dict[str, Callable[[], str]] = {
        "string_pattern_mismatch": lambda: f"{word(value)} does not match {context['pattern']}",
        "greater_than_equal": lambda: f"{word(value)} is too small, at least {context['ge']} is needed",
        "less_than_equal": lambda: f"{word(value)} is too large, at most {context['le']} is allowed",
        "too_short": lambda: f"at least {context['min_length']} is needed, found {context['actual_length']}",
        "too_long": lambda: f"at most {context['max_length']} is allowed, found {context['actual_length']}",
        "string_too_short": lambda: "must not be empty",
        "literal_error": lambda: f"must be {context['expected']}, found {word(value)}",
        "value_error": lambda: str(context["error"]),
    }
    return sentences.get(error["type"], lambda: error["msg"][0].lower() + error["msg"][1:])()


def word(value: Any) -> str:
    """A value in a sentence, short."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
