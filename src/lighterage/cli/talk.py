"""What several commands say alike: diagnostics, sizes, durations, tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..diagnostics import Diagnostic, render

if TYPE_CHECKING:
    from ..schemas.record import TaskRecord


def show_diagnostics(found: Sequence[Diagnostic], form: str = "text") -> None:
    """Text goes to stderr, where talk goes; the other forms are data and go to stdout."""
    if form == "text":
        if found:
            colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
            click.echo(render(found, "text", colour=colour), err=True)
    else:
        click.echo(render(found, form))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def size(count: int) -> str:
    """``12.3 KB``: decimal units, as disks and downloads are measured."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """``0.12 s``, ``75 s``, ``12 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def shown(value: Any) -> str:
    """An output on one line: a value as it is, an artifact by type and size."""
    if isinstance(value, dict) and "digest" in value:
        return f"{value['type']} {size(value['size'])}"
    if isinstance(value, list) and value and isinstance(value[0], dict) and "digest" in value[0]:
        return f"{len(value)} × {value[0]['type']}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def table(rows: Iterable[Sequence[str]], head: Sequence[str]) -> str:
    """Left-aligned columns, two spaces apart, no trailing space."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def task_rows(records: Iterable[TaskRecord]) -> Iterator[Sequence[str]]:
    """Task, how it ended, how long it took, and what it gave or why it failed."""
    for one in records:
        values = ", ".join(f"{name} {shown(value)}" for name, value in one.outputs.items())
        yield (
            one.label,
            "cached" if one.cached else one.status,
            duration(one.seconds) if one.seconds and not one.cached else "",
            one.failure.message.splitlines()[0] if one.failure else values,
        )
