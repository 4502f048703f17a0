"""The type of one input, output or parameter, and whether a value keeps it.

Types are JSON Schema's for values and the engine's own for artifacts. A sub-type follows a slash: a ``model/keras``
may be given where a ``model`` is asked for, never the other way round.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from .shape import Shape

VALUE_TYPES = ("string", "integer", "number", "boolean", "list", "object")
ARTIFACT_TYPES = ("dataset", "model", "metrics", "report", "file", "folder")
_TYPE = re.compile(r"(?:" + "|".join(VALUE_TYPES) + r")|(?:" + "|".join(ARTIFACT_TYPES) + r")(?:/[a-z0-9][-a-z0-9]*)?")


def _known_type(name: str) -> str:
    if not _TYPE.fullmatch(name):
        raise ValueError(
            f"a type is one of {', '.join(VALUE_TYPES + ARTIFACT_TYPES)}; artifacts may have a sub-type: model/keras"
        )
    return name


class Port(Shape):
    """What one input, output or parameter may hold."""

    type: Annotated[str, AfterValidator(_known_type)]
    """string, integer, number, boolean, list, object, or an artifact: dataset, model, metrics, report, file, folder (`model/keras`)"""
    description: str = ""
    """one line for the reader"""
    optional: bool = False
    """may be left out"""
    default: Any = None
    """taken when nothing is given"""
    enum: list[Any] | None = None
    """the only values allowed"""
    minimum: int | float | None = None
    """smallest number allowed"""
    maximum: int | float | None = None
    """largest number allowed"""
    pattern: str | None = None
    """regular expression the whole string must match"""
    external: bool = False
    """a string that names data outside the store (a path, a URL, `package:…`): what it holds is part of the cache key, and a
    relative path is relative to the workflow's file"""
    measured: bool = False
    """of an output: figures of a machine at a moment, such as times, which nobody expects to be the same twice"""
    items: Port | None = None
    """what each item of a list holds"""
    min_items: Annotated[int, Field(ge=0)] | None = None
    """fewest items of a list"""
    max_items: Annotated[int, Field(ge=0)] | None = None
    """most items of a list"""

    @model_validator(mode="after")
    def _default_keeps_the_contract(self) -> Port:
        if self.external and self.type != "string":
            raise ValueError("only a string can name external data")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"the pattern is not a regular expression: {error}") from None
        if self.has_default and self.default is not None:
            for problem in problems(self, self.default):
                raise ValueError(f"the default {problem.text}")
        return self

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set

    @property
    def required(self) -> bool:
        return not self.optional and not self.has_default

    @property
    def is_artifact(self) -> bool:
        """Whether this is an artifact, or a list of them."""
        return self.artifact_type is not None

    @property
    def artifact_type(self) -> str | None:
        """``model/keras`` of a model or of a list of models; None for values."""
        if self.type == "list":
            return self.items.artifact_type if self.items else None
        return None if self.type in VALUE_TYPES else self.type

    def text(self) -> str:
        """The type as people say it: ``list of model/keras``."""
        return f"list of {self.items.text()}" if self.type == "list" and self.items else self.type


def shorthand(value: Any) -> Any:
    """``seed: 7`` means ``seed: {type: integer, default: 7}``; anything but a scalar or a list is left to the schema."""
    name = type_name(value)
    if name in ("object", "nothing"):
        return value
    return {"type": name, "default": value}


def typed(port: Port, text: str) -> Any:
    """The value that text on a command line stands for. What cannot be converted stays text, for the contract to refuse."""
    if port.type == "string":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return float(value) if port.type == "number" and type(value) is int else value


def type_name(value: Any) -> str:
    """The contract's word for a value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
    return "object"


def accepts(wanted: str, given: str) -> bool:
    """Whether an output of type ``given`` may feed an input of type ``wanted`` (both without their items)."""
    return given == wanted or given.startswith(wanted + "/") or (wanted == "number" and given == "integer")


def fits(wanted: Port, given: Port) -> bool:
    """Whether all that ``given`` may hold suits ``wanted``, lists item by item."""
    if wanted.type == "list" and given.type == "list":
        return wanted.items is None or given.items is None or fits(wanted.items, given.items)
    return accepts(wanted.type, given.type)


class Problem(NamedTuple):
    """How a value breaks its contract."""

    kind: Literal["type", "constraint"]
    path: tuple[int, ...]
    """where in the value: indices of list items"""
    text: str
    """the end of a sentence: ``is 3, but at least 5 is needed``"""


def problems(port: Port, value: Any, path: tuple[int, ...] = ()) -> Iterator[Problem]:
    """Everything that is wrong with a value."""
    name = type_name(value)
    if not accepts(port.type, name):
        yield Problem("type", path, f"must be {_article(port.text())}, not {_article(name)} ({_short(value)})")
        return
    for text in _broken_constraints(port, value, name):
        yield Problem("constraint", path, text)
    if name == "list" and port.items:
        for index, item in enumerate(value):
            yield from problems(port.items, item, (*path, index))


def _broken_constraints(port: Port, value: Any, name: str) -> Iterator[str]:
    if name == "number" and not math.isfinite(value):
        yield f"is {value}, which is not a finite number"
        return
    if port.enum is not None and value not in port.enum:
        yield f"is {_short(value)}, but only {', '.join(map(_short, port.enum))} are allowed"
    if name in ("integer", "number"):
        if port.minimum is not None and value < port.minimum:
            yield f"is {value}, but at least {port.minimum} is needed"
        if port.maximum is not None and value > port.maximum:
            yield f"is {value}, but at most {port.maximum} is allowed"
    if name == "string" and port.pattern is not None and not re.fullmatch(port.pattern, value):
        yield f"is {_short(value)}, which does not match {port.pattern}"
    if name == "list":
        if port.min_items is not None and len(value) < port.min_items:
            yield f"has {len(value)} items, but at least {port.min_items} are needed"
        if port.max_items is not None and len(value) > port.max_items:
            yield f"has {len(value)} items, but at most {port.max_items} are allowed"


def _article(name: str) -> str:
    return name if name == "nothing" else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
