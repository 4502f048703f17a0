"""Schemas' complaints as diagnostics, in our own words and at the right places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..diagnostics import Diagnostic, closest
from .document import Document, Path

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {"str": "text", "string": "text", "int": "an integer", "float": "a number", "number": "a number", "bool": "true or false",
          "boolean": "true or false", "dict": "a mapping", "model": "a mapping", "list": "a list", "literal": "one of the allowed words"}


def check(document: Document, model: type[Model]) -> tuple[Model | None, list[Diagnostic]]:
    """The document as a model, or None and every mistake, sorted as found."""
    if not isinstance(document.value, dict):
        return None, [document.diagnostic("L102", (), f"expected a mapping, found {_word(document.value)}")]
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, list(_translate(document, model, error.errors(include_url=False)))


def _translate(document: Document, model: type[BaseModel], errors: Iterable[Any]) -> Iterable[Diagnostic]:
    grouped: dict[tuple[Path, bool], list[Any]] = {}
    for error in errors:
        path, key = _document_path(document.value, error)
        key = key or (error["type"] == "string_pattern_mismatch" and path != () and error["input"] == path[-1])
        grouped.setdefault((path, key), []).append(error)
    for (path, key), group in grouped.items():
        deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _ in grouped)
        if deeper and not key and _is_union(group):
            continue  # another branch of a union got further: its complaint is the one that helps
        yield from _told(document, model, path, group, key)


def _is_union(group: list[Any]) -> bool:
    return all(error["type"].endswith("_type") for error in group)


def _document_path(value: Any, error: Any) -> tuple[Path, bool]:
    """pydantic's location without what is not in the document (names of union branches), and whether a key is meant."""
    path: list[str | int] = []
    location = error["loc"]
    for part in location:
        if part == "[key]":
            return tuple(path), True
        if isinstance(value, dict) and part in value:
            path.append(part)
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
        elif error["type"] == "missing" and part == location[-1]:
            path.append(part)
    return tuple(path), False


def _told(document: Document, model: type[BaseModel], path: Path, group: list[Any], key: bool) -> Iterable[Diagnostic]:
    """One diagnostic for the complaints about one place: several are the branches of one union."""
    first = group[0]
    kind = first["type"]
    last = str(path[-1]) if path else model.__name__
    if kind == "missing":
        yield document.diagnostic("L101", path[:-1], f"{_owner(path[:-1], model)} lacks the field {last!r}", key=True)
    elif kind == "extra_forbidden":
        yield _unknown_field(document, model, path)
    elif key:
        yield document.diagnostic("L104", path, f"{last!r} cannot be a name here: {_constraint(first)}", key=True)
    elif path in (("apiVersion",), ("kind",)):
        wanted = first["ctx"]["expected"] if "expected" in first.get("ctx", {}) else "text"
        yield document.diagnostic("L105", path, f"{last} must be {wanted}, found {_word(first['input'])}")
    elif len(group) > 1 or kind.endswith("_type"):
        wanted = list(dict.fromkeys(_KINDS.get(error["type"].removesuffix("_type"), "") or _constraint(error) for error in group))
        yield document.diagnostic("L102", path, f"{last!r}: expected {' or '.join(filter(None, wanted))}, found {_word(first['input'])}", found=first["input"])
    else:
        message = f"{last!r}: {_constraint(first)}" if path else _constraint(first)
        hint = _nearest_word(first) if kind in ("literal_error", "enum") else None
        yield document.diagnostic("L104", path, message, hint=hint, found=first["input"])


def _unknown_field(document: Document, model: type[BaseModel], path: Path) -> Diagnostic:
    known = _fields_at(model, path[:-1])
    near = closest(str(path[-1]), known)
    hint = f"did you mean {near!r}?" if near else f"fields here: {', '.join(known)}" if known else None
    return document.diagnostic("L103", path, f"unknown field {path[-1]!r} in {_owner(path[:-1], model)}", hint=hint, key=True)


def _owner(path: Path, model: type[BaseModel]) -> str:
    """``task 'train'``, ``parameter 'epochs'``, ``the workflow``."""
    if not path:
        return f"the {model.__name__.lower()}"
    if len(path) == 2 and isinstance(path[0], str) and isinstance(path[1], str):
        return f"{path[0].removesuffix('s')} {path[1]!r}"
    return f"{'.'.join(map(str, path))!r}"


def _fields_at(model: Any, path: Path) -> list[str]:
    """Names that the schema allows at a path."""
    for part in path:
        step = _inside(model, part)
        if step is None:
            return []
        model = step
    return [field.alias or name for name, field in model.model_fields.items()] if isinstance(model, type) else []


def _inside(model: Any, part: str | int) -> Any:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if part in fields:
        return _model_in(fields[str(part)].annotation)
    return model  # a key of a mapping of models, or an index of a list of them: the model is already found


def _model_in(annotation: Any) -> Any:
    """The schema inside ``dict[str, Task]``, ``Retry | None``, ``Annotated[…]``."""
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one)) is not None), None)


def _constraint(error: Any) -> str:
    """What a broken constraint asks for, as the end of a sentence."""
    context = error.get("ctx", {})
    sentences: dict[str, Callable[[], str]] = {
        "string_pattern_mismatch": lambda: f"{_word(error['input'])} does not match {context['pattern']}",
        "greater_than_equal": lambda: f"{error['input']} is too small, at least {context['ge']} is needed",
        "less_than_equal": lambda: f"{error['input']} is too large, at most {context['le']} is allowed",
        "too_short": lambda: f"at least {context['min_length']} is needed, found {context['actual_length']}",
        "too_long": lambda: f"at most {context['max_length']} is allowed, found {context['actual_length']}",
        "string_too_short": lambda: "it must not be empty",
        "literal_error": lambda: f"must be {context['expected']}, found {_word(error['input'])}",
        "value_error": lambda: str(context["error"]),
    }
    return sentences.get(error["type"], lambda: error["msg"][0].lower() + error["msg"][1:])()


def _nearest_word(error: Any) -> str | None:
    words = [word.strip("' ") for word in str(error["ctx"]["expected"]).replace(" or ", ",").split(",")]
    near = closest(str(error["input"]), words)
    return f"did you mean {near!r}?" if near else None


def _word(value: Any) -> str:
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
