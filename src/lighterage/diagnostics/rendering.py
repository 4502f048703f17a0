"""Diagnostics for people, for programs, for GitHub's annotations, and as SARIF for code scanners."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from .catalogue import title
from .diagnostic import Diagnostic

MOST_SHOWN = 50
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "dim": "\x1b[2m", "off": "\x1b[0m"}


def render(found: Sequence[Diagnostic], form: str = "text", *, colour: bool = False) -> str:
    """Sorted by place. ``form``: text (at most 50), json, github or sarif."""
    ordered = sorted(found, key=Diagnostic.order)
    if form == "text":
        return _text(ordered, colour)
    forms: dict[str, Callable[[Sequence[Diagnostic]], str]] = {"json": _json, "github": _github, "sarif": _sarif}
    return forms[form](ordered)


def _text(found: Sequence[Diagnostic], colour: bool) -> str:
    blocks = [_block(one, _COLOURS if colour else dict.fromkeys(_COLOURS, "")) for one in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        blocks.append(f"and {len(found) - MOST_SHOWN} more")
    return "\n".join(blocks)


def _block(one: Diagnostic, colours: dict[str, str]) -> str:
    head = f"{one.file}:{one.line}:{one.column}: {colours[one.severity]}{one.severity}[{one.code}]{colours['off']}: {one.message}"
    lines = [_printable(head) if not colours["off"] else head]
    if one.source.strip():
        # a caret below a tab stands right only when the tab is repeated
        indent = "".join("\t" if char == "\t" else " " for char in one.source[: one.column - 1])
        lines += [f"  {colours['dim']}{_printable(one.source[:200])}{colours['off']}"]
        lines += [f"  {indent}^"] if len(indent) < 200 else []
    if one.hint:
        lines.append(f"  hint: {one.hint}")
    return "\n".join(lines)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\t\n" else "�" for char in text)


def _json(found: Sequence[Diagnostic]) -> str:
    return json.dumps([one.as_json() for one in found], indent=2, ensure_ascii=False)


def _github(found: Sequence[Diagnostic]) -> str:
    def escaped(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def told(one: Diagnostic) -> str:
        message = one.message + (f" ({one.hint})" if one.hint else "")
        file = escaped(one.file).replace(":", "%3A").replace(",", "%2C")
        return f"::{one.severity} file={file},line={one.line},col={one.column},title={one.code}::{escaped(message)}"

    return "\n".join(map(told, found))


def _sarif(found: Sequence[Diagnostic]) -> str:
    rules = [{"id": code, "shortDescription": {"text": title(code)}} for code in sorted({one.code for one in found})]
    run = {"tool": {"driver": {"name": "lighterage", "rules": rules}}, "columnKind": "unicodeCodePoints",
           "results": [_sarif_result(one) for one in found]}
    return json.dumps({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(one: Diagnostic) -> dict[str, Any]:
    region = {"startLine": one.line, "startColumn": one.column}
    place = {"artifactLocation": {"uri": one.file.replace("\\", "/")}, "region": region}
    text = one.message + (f". {one.hint}" if one.hint else "")
    return {"ruleId": one.code, "level": one.severity, "message": {"text": text}, "locations": [{"physicalLocation": place}]}
