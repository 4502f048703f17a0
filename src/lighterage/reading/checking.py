"""Schemas' complaints as diagnostics in the right places: one a mistake, however many pydantic makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..diagnostics import Diagnostic, closest
from .document import MOST_MISTAKES, Document, Path
from .fields import fields_at, words_for
from .sentences import constraint, wanted_types, word

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

_FILES = ("Workflow", "Step", "Environment")
"""kinds of files that people write"""


def check(document: Document, model: type[Model]) -> tuple[Model | None, list[Diagnostic]]:
    """The document as a model, or None and every mistake."""
    from pydantic import ValidationError  # here: who only reads YAML need not wait for it

    kind = document.value.get("kind") if isinstance(document.value, dict) else None
    if kind in _FILES and kind != model.__name__ and "kind" in model.model_fields:
        # what else a file of another kind breaks of this schema is no news
        message = f"a file of kind {model.__name__} is needed here, but this is of kind {kind}"
        return None, [document.diagnostic("L105", ("kind",), message)]
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        errors = error.errors(include_url=False)[:MOST_MISTAKES]
        return None, list(_Translation(document, model, errors).diagnostics())


class _Translation:
    def __init__(self, document: Document, model: type[BaseModel], errors: list[Any]) -> None:
        self.document = document
        self.model = model
        self.places: dict[tuple[Path, bool], list[Any]] = {}
        """errors by where they are, and whether a key is meant"""
        for error in errors:
            self.places.setdefault(_document_path(document.value, error), []).append(error)

    def diagnostics(self) -> Iterator[Diagnostic]:
        above = {path[:length] for path, _ in self.places for length in range(len(path))}
        meant = {place: self._meant(*place) for place in self.places}
        misspelled = {(*path[:-1], name) for (path, _), name in meant.items() if name}
        for (path, key), errors in self.places.items():
            # another branch of a union got further: its complaint is the one that helps
            union = path in above and not key and all(error["type"].endswith("_type") for error in errors)
            lacking = errors[0]["type"] == "missing" and path in misspelled
            if not union and not lacking:
                yield self._told(path, key, errors)

    def _meant(self, path: Path, key: bool) -> str | None:
        """The field that an unknown one was probably meant to be."""
        if not path or self.places[path, key][0]["type"] != "extra_forbidden":
            return None
        return closest(str(path[-1]), fields_at(self.model, path[:-1]))

    def _told(self, path: Path, key: bool, errors: list[Any]) -> Diagnostic:
        """One diagnostic for the complaints about one place: several are the branches of one union."""
        first = errors[0]
        kind, value = first["type"], first["input"]
        report = self.document.diagnostic
        named = f"{path[-1]!r}" if path and isinstance(path[-1], str) else self._owner(path)
        if kind == "missing":
            return report("L101", path[:-1], f"{self._owner(path[:-1])} lacks the field {named}", key=True)
        if kind == "lacks_any_of":
            return report("L101", path, f"{self._owner(path)} {first['msg']}", key=True)
        if kind == "extra_forbidden":
            return self._unknown_field(path)
        if key:
            message = f"{named} cannot be a name here: it does not match {first['ctx']['pattern']}"
            return report("L104", path, message, hint=words_for(self.model, path, key=True), key=True)
        if kind == "secret_value":
            # logs and code scanners keep what they are told, so neither the value nor its line is shown
            return report("L104", path, f"{named}: {first['msg']}")._replace(source="")
        if path in (("apiVersion",), ("kind",)):
            hint = _nearest_word(first)
            return report("L105", path, f"{path[-1]} {constraint(first)}", hint=hint, found=value)
        if len(errors) > 1 or kind.endswith("_type"):
            message = f"{named}: expected {wanted_types(errors)}, found {word(value)}"
            return report("L102", path, message, found=value)
        pattern = kind == "string_pattern_mismatch"
        hint = words_for(self.model, path, key=False) if pattern else _nearest_word(first)
        message = f"{named}: {constraint(first)}" if path else constraint(first)
        return report("L104", path, message, hint=hint, found=value if path else None)

    def _unknown_field(self, path: Path) -> Diagnostic:
        near, known = self._meant(path, key=False), fields_at(self.model, path[:-1])
        hint = f"did you mean {near!r}?" if near else f"fields here: {', '.join(known)}" if known else None
        message = f"unknown field {path[-1]!r} in {self._owner(path[:-1])}"
        return self.document.diagnostic("L103", path, message, hint=hint, key=True)

    def _owner(self, path: Path) -> str:
        """``the workflow``, ``task 'train'``, ``retry of task 'train'``, ``placement[0]``."""
        if not path:
            return f"the {self.model.__name__.lower()}"
        if len(path) > 1 and isinstance(path[1], str) and str(path[0]).endswith("s"):
            owner = f"{str(path[0]).removesuffix('s')} {path[1]!r}"
            return f"{_dotted(path[2:])} of {owner}" if len(path) > 2 else owner
        return _dotted(path)


def _document_path(value: Any, error: Any) -> tuple[Path, bool]:
    """pydantic's location without the names of union branches, and whether a key is meant."""
    path: list[str | int] = []
    location = error["loc"]
    for number, part in enumerate(location, 1):
        if part == "[key]":
            return tuple(path), True
        if number == len(location) and value is error["input"] and error["type"] != "missing":
            break  # the name of a branch, even where the mapping has a key of that name
        if part in (value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
            path.append(part)
            value = value[part]
        elif error["type"] == "missing" and number == len(location):
            path.append(part)
    # keys of a mapping that also has fields of its own (a matrix) are reported without the mark
    is_key = bool(path) and error["type"] == "string_pattern_mismatch" and error["input"] == path[-1] != value
    return tuple(path), is_key


def _dotted(path: Path) -> str:
    """``resources.accelerator``, ``placement[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _nearest_word(error: Any) -> str | None:
    """Of a closed list of words, the one that was probably meant."""
    if error["type"] != "literal_error":
        return None
    words = [one.strip("' ") for one in str(error["ctx"]["expected"]).replace(" or ", ",").split(",")]
    near = closest(str(error["input"]), words)
    return f"did you mean {near!r}?" if near else None
