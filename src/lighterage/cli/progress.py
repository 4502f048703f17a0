"""What a run says while it runs: bars on a terminal, a line for each end elsewhere."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schemas.record import Failure, TaskRecord
from .talk import duration

if TYPE_CHECKING:
    from ..targets.local import Observer
    from ..targets.local.instances import Instance

LAST_LINES = 20
_MARKS = {"succeeded": "✓", "failed": "✗", "skipped": "–", "omitted": "–", "cancelled": "■"}


def observer(quiet: bool) -> Observer:
    """The fitting one for this stderr."""
    if quiet:
        return Failures()
    return Terminal() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Lines()


class Failures:
    """Says only what failed, with the end of its log."""

    def started(self, instance: Instance) -> None:
        pass

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        if record.failure and record.status == "failed":
            self.say(f"✗ {label}: {record.failure.message}")
            self._last_lines(record, log)

    def again(self, instance: Instance, failure: Failure, wait: float) -> None:
        pass

    def asked(self, run: str, instance: Instance) -> None:
        task = instance.task
        assert task.approve is not None
        self.say(f"? {task.name}: {task.approve.message}")
        self.say(f"  answer with: lighterage approve {run} {task.name}   or: … --reject")

    def waiting(self, place: str) -> None:
        self.say(f"waits for another run that holds the {place}")

    def _last_lines(self, record: TaskRecord, log: Path | None) -> None:
        if log is None or not log.is_file() or not log.stat().st_size:
            return
        for line in last_lines(log, LAST_LINES):
            self.say(f"  | {line}")
        self.say(
            f"  whole log: lighterage logs {record.run} {record.task}"
            + (f" --index {record.index}" if record.matrix else "")
        )

    def say(self, line: str) -> None:
        click.echo(line, err=True)


class Lines(Failures):
    """A line for each end."""

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        if record.status == "failed":
            super().ended(record, label, log)
        else:
            self.say(f"{_MARKS[record.status]} {label} {_how(record)}")

    def again(self, instance: Instance, failure: Failure, wait: float) -> None:
        self.say(f"↻ {instance.label} attempt {instance.attempt} failed ({failure.message}); again in {wait:g} s")


class Terminal(Lines):
    """The same, and below it what runs now."""

    def __init__(self) -> None:
        from rich.live import Live

        self.running: dict[str, float] = {}
        self.live: Any = Live(auto_refresh=False, transient=True)  # no thread: the run's process forks

    def started(self, instance: Instance) -> None:
        self.running[instance.label] = time.monotonic()
        self._draw()

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        self.running.pop(label, None)
        super().ended(record, label, log)
        self._draw()

    def say(self, line: str) -> None:
        self.live.console.print(line, markup=False, highlight=False)

    def _draw(self) -> None:
        from rich.text import Text

        if self.running and not self.live.is_started:
            self.live.start()
        self.live.update(Text("  ".join(f"▸ {label}" for label in self.running), style="dim"), refresh=True)
        if not self.running:
            self.live.stop()


def _how(record: TaskRecord) -> str:
    if record.status != "succeeded":
        return record.status
    return "cached" if record.cached else duration(record.seconds)


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log, however large it is; control characters are shown, not obeyed."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        lines = file.read().decode("utf-8", "replace").splitlines()[-count:]
    return ["".join(char if char.isprintable() or char == "\t" else "�" for char in line)[:2000] for line in lines]
