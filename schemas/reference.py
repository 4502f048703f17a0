"""JSON Schemas and the language reference, made from the schemas: one truth per field.

``python -m lighterage.schemas.reference schemas/json docs/language.md`` writes both.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

KINDS = {
    "workflow": "workflow:Workflow",
    "step": "step:Step",
    "environment": "environment:Environment",
    "plan": "plan:Plan",
    "task-record": "record:TaskRecord",
    "run-record": "record:RunRecord",
    "bundle": "bundle:Bundle",
    "chain": "chain:Chain",
}
"""Kind of file -> module and model of this package."""

_WRITTEN = ("workflow", "step", "environment")
"""Kinds that people write, and that the language reference explains."""


def model(kind: str) -> type[BaseModel]:
    """The schema of a kind."""
    module, _, name = KINDS[kind].partition(":")
    found: type[BaseModel] = getattr(import_module(f".{module}", __package__), name)
    return found


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) with every field's meaning, for editors and other tools."""
    root = model(kind)
    schema = root.model_json_schema(by_alias=True)
    for name, one in models_in(root).items():
        described = schema["$defs"].get(name) if name != root.__name__ else schema
        for field, text in meanings(one).items():
            if described and field in described.get("properties", {}):
                described["properties"][field].setdefault("description", text)
    comment = "made by: make docs"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": comment, **schema}


def models_in(root: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A schema and those inside it, by name, outermost first."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = [root]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, type) and issubclass(one, BaseModel):
            if one.__name__ not in found:
                found[one.__name__] = one
                waiting += [field.annotation for field in one.model_fields.values()]
        else:
            waiting += get_args(one)
    return found


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def meanings(one: type[BaseModel]) -> dict[str, str]:
    """Field (as it is written in a file) -> the text below it in the schema's source."""
    texts: dict[str, str] = {}
    for base in reversed(one.__mro__):
        node = _classes(base.__module__).get(base.__name__) if base.__module__.startswith(__package__ or "") else None
        for field, after in pairwise(node.body if node else []):
            named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                texts[field.target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return {one.model_fields[name].alias or name: text for name, text in texts.items() if name in one.model_fields}


def fields() -> dict[str, str]:
    """Every field that people write, by the names one would look for: ``task.retry``, ``step.requires``."""
    known = {}
    for kind in _WRITTEN:
        for name, one in models_in(model(kind)).items():
            for field, text in meanings(one).items():
                known[f"{name.lower()}.{field}"] = f"{name.lower()}.{field}: {_type(one, field)}\n{text}"
    return known


def _type(one: type[BaseModel], field: str) -> str:
    schema = one.model_json_schema(by_alias=True)
    properties = schema.get("$defs", {}).get(one.__name__, schema).get("properties", {})
    return _words(properties[field]) if field in properties else "anything"


def _words(schema: dict[str, Any]) -> str:
    """A JSON Schema type on one line."""
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2].lower()
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_words(part) for part in schema["anyOf"] if part.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {_words(schema.get('items', {}))}"
    if schema.get("type") == "object":
        patterns: dict[str, Any] = schema.get("patternProperties", {})
        inner: Any = schema.get("additionalProperties") or next(iter(patterns.values()), {})
        return f"mapping of {_words(inner)}" if isinstance(inner, dict) and inner else "mapping"
    return str(schema.get("type", "anything"))


def language_page() -> str:
    """The reference of everything people may write, as Markdown."""
    lines = ["# The language", "", "<!-- made by: make docs -->", ""]
    for kind in _WRITTEN:
        for name, one in models_in(model(kind)).items():
            if f"## {name}" in lines:
                continue
            lines += [f"## {name}", "", inspect.getdoc(one) or "", ""]
            lines += ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
            lines += [_row(one, field, text) for field, text in meanings(one).items()] + [""]
    return "\n".join(lines)


def _row(one: type[BaseModel], field: str, text: str) -> str:
    found = next(info for name, info in one.model_fields.items() if (info.alias or name) == field)
    default = "needed" if found.is_required() else _default(found.get_default(call_default_factory=True))
    return f"| `{field}` | {_type(one, field).replace('|', '/')} | {default} | {text} |"


def _default(value: Any) -> str:
    if value is None or value in ({}, [], "") or isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value)}`"


def main(json_folder: str, page: str) -> None:
    folder = Path(json_folder)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (folder / f"{kind}.json").write_text(json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n")
    Path(page).write_text(language_page())


if __name__ == "__main__":
    main(*sys.argv[1:])
