"""What a schema says of a place in a document: fields it allows there, words for what a text must be."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Path = tuple[str | int, ...]


def fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Names of the fields that a mapping there may have; none where the schema leaves them to the writer."""
    models = filter(_is_model, _reached(model, path))
    return list(dict.fromkeys(name for one in models for name, _ in _fields(one)))


def words_for(model: type[BaseModel], path: Path, *, key: bool) -> str | None:
    """The schema's description of a value's type, or of a key's: ``lower-case letters, digits and '-'``."""
    for one in _reached(model, path[:-1]):
        if _is_model(one):
            found = [field.description for name, field in _fields(one) if name == path[-1]]
        else:
            inner = get_args(one)[0 if key else -1] if get_origin(one) in (dict, list) else None
            found = [getattr(part, "description", None) for part in get_args(inner)[1:]]
        if words := next(filter(None, found), None):
            return words
    return None


def _reached(model: type[BaseModel], path: Path) -> list[Any]:
    """The types a value at a path may have, unions taken apart."""
    reached: list[Any] = [model]
    for part in path:
        reached = [one for outer in reached for inner in _inside(outer, part) for one in _alternatives(inner)]
    return reached


def _inside(annotation: Any, part: str | int) -> Iterator[Any]:
    if _is_model(annotation):
        yield from (field.annotation for name, field in _fields(annotation) if name == part)
    elif get_origin(annotation) in (dict, list):
        yield get_args(annotation)[-1]


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, without the constraints of ``Annotated``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "model_fields")
