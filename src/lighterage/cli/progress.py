"""What a run says while it runs: bars on a terminal, a line for each end elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schemas.record import Failure, TaskRecord
from .talk import duration

if TYPE_CHECKING:
    from ..targets.local.instances import Instance

LAST_LINES = 20
MARKS = {"succeeded": "✓", "failed": "✗", "skipped": "–", "omitted": "–", "cancelled": "■"}


def observer(quiet: bool) -> Failures:
    """The fitting one for this stderr."""
    if quiet:
        return Failures()
    return Terminal() if on_terminal() else Lines()


def on_terminal() -> bool:
    """Whether stderr is where lines can be drawn anew."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Failures:
    """Says only what failed, with the end of its log. Who closes the terminal does not listen, and the run ends in good
    order all the same."""

    _terminals: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._terminals = tuple(handle for handle in (1, 2) if os.isatty(handle))

    def hang_up(self) -> None:
        """The terminal is gone: what would be written to it from now on goes nowhere."""
        with open(os.devnull, "wb") as nowhere:
            for handle in self._terminals:
                os.dup2(nowhere.fileno(), handle)

    def started(self, instance: Instance) -> None:
        pass

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        if record.failure and record.status == "failed":
            there = log is not None and log.is_file()
            self.failed(record, label, last_lines(log, LAST_LINES) if log and there else [])
        if record.not_kept:
            self.say(f"! {label}: {record.not_kept}: the result is this run's, and answers no other")

    def failed(self, record: TaskRecord, label: str, lines: Sequence[str], options: str = "") -> None:
        """Says why, and shows the last ``lines`` of the log. ``options`` are those by which the run is found again."""
        self.say(f"✗ {label}: {record.failure.message if record.failure else record.status}")
        for line in lines:
            self.say(f"  | {line}")
        if lines:
            index = f" --index {record.index}" if record.matrix else ""
            self.say(f"  whole log: lighterage logs {record.run} {record.task}{index}{options}")

    def again(self, instance: Instance, failure: Failure, wait: float) -> None:
        pass

    def asked(self, run: str, instance: Instance) -> None:
        task = instance.task
        assert task.approve is not None
        self.question(run, task.name, task.approve.message)

    def question(self, run: str, task: str, message: str, options: str = "") -> None:
        """Says what a task asks, and how to answer it."""
        self.say(f"? {task}: {message}")
        self.say(f"  answer with: lighterage approve {run} {task}{options}   or: … --reject")

    def waiting(self, place: str) -> None:
        self.say(f"waits for another run that holds the {place}")

    def say(self, line: str) -> None:
        try:
            self._write(line)
        except OSError:
            if not self._terminals:
                raise
            self.hang_up()

    def _write(self, line: str) -> None:
        click.echo(line, err=True)


class Lines(Failures):
    """A line for each end."""

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        if record.status != "failed":
            self.say(f"{MARKS[record.status]} {label} {how(record)}")
        super().ended(record, label, log)

    def again(self, instance: Instance, failure: Failure, wait: float) -> None:
        self.say(f"↻ {instance.label} attempt {instance.attempt} failed ({failure.message}); again in {wait:g} s")


class Terminal(Lines):
    """The same, and below it what runs now."""

    def __init__(self) -> None:
        from rich.live import Live

        super().__init__()
        self.running: dict[str, float] = {}
        self.live: Any = Live(auto_refresh=False, transient=True)  # no thread: the run's process forks

    def started(self, instance: Instance) -> None:
        self.running[instance.label] = time.monotonic()
        self._draw()

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None:
        self.running.pop(label, None)
        super().ended(record, label, log)
        self._draw()

    def _write(self, line: str) -> None:
        self.live.console.print(line, markup=False, highlight=False)

    def _draw(self) -> None:
        try:
            self._draw_anew()
        except OSError:
            self.hang_up()

    def _draw_anew(self) -> None:
        from rich.text import Text

        if self.running and not self.live.is_started:
            self.live.start()
        self.live.update(Text("  ".join(f"▸ {label}" for label in self.running), style="dim"), refresh=True)
        if not self.running:
            self.live.stop()


def how(record: TaskRecord) -> str:
    """A task's end in a word: `cached`, its time, or its status."""
    if record.status != "succeeded":
        return record.status
    return "cached" if record.cached else duration(record.seconds)


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log, however large it is; control characters are shown, not obeyed."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        lines = file.read().decode("utf-8", "replace").splitlines()[-count:]
    return ["".join(char if char.isprintable() or char == "\t" else "�" for char in line)[:2000] for line in lines]
