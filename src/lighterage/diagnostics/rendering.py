"""Diagnostics for people, for programs, for GitHub's annotations, and as SARIF for code scanners."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import category, east_asian_width

from .catalogue import title
from .diagnostic import Diagnostic

MOST_SHOWN = 50
_WIDEST = 200
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "dim": "\x1b[2m", "off": "\x1b[0m"}
_PLAIN = dict.fromkeys(_COLOURS, "")


def render(found: Sequence[Diagnostic], form: str = "text", *, colour: bool = False) -> str:
    """Sorted by place. ``form``: text (at most 50), json, github or sarif."""
    ordered = sorted(found, key=Diagnostic.order)
    if form == "text":
        return _text(ordered, _COLOURS if colour else _PLAIN)
    return _FORMS[form](ordered)


def _text(found: Sequence[Diagnostic], colours: dict[str, str]) -> str:
    blocks = [_block(one, colours) for one in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        blocks.append(f"and {len(found) - MOST_SHOWN} more")
    return "\n".join(blocks)


def _block(one: Diagnostic, colours: dict[str, str]) -> str:
    kind = f"{colours[one.severity]}{one.severity}[{one.code}]{colours['off']}"
    lines = [f"{_printable(one.file)}:{one.line}:{one.column}: {kind}: {_printable(one.message)}"]
    if one.source.strip():
        lines.append(f"  {colours['dim']}{_printable(one.source[:_WIDEST])}{colours['off']}")
        if one.column <= _WIDEST:
            lines.append(f"  {''.join(map(_blank, one.source[: one.column - 1]))}^")
    if one.hint:
        lines.append(f"  hint: {_printable(one.hint)}")
    return "\n".join(lines)


def _blank(char: str) -> str:
    """Space as wide as a character, so that a caret stands below the next one."""
    if category(char) in ("Mn", "Me"):
        return ""  # an accent stands above the character before it
    return "\t" if char == "\t" else "  " if east_asian_width(char) in "WF" else " "


def _printable(text: str) -> str:
    """Text that cannot steer a terminal or turn a line around."""
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in text)


def _json(found: Sequence[Diagnostic]) -> str:
    return json.dumps([one.as_json() for one in found], indent=2)


def _github(found: Sequence[Diagnostic]) -> str:
    """Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
    return "\n".join(map(_github_command, found))


def _github_command(one: Diagnostic) -> str:
    file = _escaped(one.file).replace(":", "%3A").replace(",", "%2C")
    message = one.message + (f" ({one.hint})" if one.hint else "")
    place = f"file={file},line={one.line},col={one.column},title={one.code}"
    return f"::{one.severity} {place}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return _printable(text).replace("%", "%25").replace("\n", "%0A")


def _sarif(found: Sequence[Diagnostic]) -> str:
    codes = sorted({one.code for one in found})
    rules = [{"id": code, "shortDescription": {"text": title(code)}} for code in codes]
    run = {
        "tool": {"driver": {"name": "lighterage", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one) for one in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(one: Diagnostic) -> dict[str, Any]:
    from urllib.parse import quote

    place = {
        "artifactLocation": {"uri": quote(one.file.replace("\\", "/"), errors="surrogateescape")},
        "region": {"startLine": one.line, "startColumn": one.column},
    }
    text = one.message + (f". {one.hint}" if one.hint else "")
    return {
        "ruleId": one.code,
        "level": one.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


_FORMS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {"json": _json, "github": _github, "sarif": _sarif}
