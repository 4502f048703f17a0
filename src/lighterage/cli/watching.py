"""What `watch` shows: a line for each change, or on a terminal a tree that is drawn anew."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..schemas.plan import Plan
from ..schemas.record import RunRecord, TaskRecord
from .progress import MARKS, Failures, how
from .talk import duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from ..targets.argo.nodes import Seen

BAR = 16
"""characters of a bar"""
BETWEEN = "--"
"""what stands in a task's name between a workflow used as a task and a task of that"""
_BESIDE = 4
"""lines of a terminal that are not the tree's"""
_NOW = {"waiting": "·", "running": "▸", "asking": "?"}
_STYLES = {"succeeded": "green", "failed": "red", "asking": "yellow", "running": "cyan"}


class Lines(Failures):
    """A line for each change."""

    def __init__(self, run: RunRecord, plan: Plan | None, options: str) -> None:
        self.run = run
        self.tasks = {task.name: task for task in (*plan.tasks, *plan.on_exit)} if plan else {}
        self.options = options

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begun(self, seen: Seen) -> None:
        """An instance waits for its pod, runs, or asks."""
        if seen.state == "asking":
            approve = self.tasks[seen.task].approve if seen.task in self.tasks else None
            self.question(self.run.run, seen.task, approve.message if approve else "waits for an answer", self.options)
        elif seen.state == "running":
            self.say(f"▸ {self.label(seen.task, seen.index)}")

    def finished(self, seen: Seen, record: TaskRecord, log: Sequence[str]) -> None:
        """An instance has ended."""
        label = self.label(seen.task, seen.index)
        if record.status == "failed":
            self.failed(record, label, log, self.options)
        else:
            self.say(f"{MARKS[record.status]} {label} {how(record)}")

    def draw(self, seen: Sequence[Seen], sizes: Mapping[str, int]) -> None:
        """All there is."""

    def label(self, task: str, index: int) -> str:
        known = self.tasks.get(task)
        return f"{task}[{index}]" if index or (known and (known.many or known.repeat)) else task


class Tree(Lines):
    """Failures and questions as lines, and below them every task: what it does, how far it is, how long it has taken."""

    def __init__(self, run: RunRecord, plan: Plan | None, options: str) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(run, plan, options)
        self.seen: dict[str, list[Seen]] = {}
        self.sizes = {task.name: len(task.matrix.combinations()) for task in self.tasks.values() if task.matrix}
        self.how: dict[tuple[str, int], str] = {}
        self.console = Console(stderr=True)
        self.live: Any = Live(console=self.console, get_renderable=self._picture, refresh_per_second=4, transient=True)

    def __enter__(self) -> Tree:
        self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    def begun(self, seen: Seen) -> None:
        if seen.state == "asking":
            super().begun(seen)

    def finished(self, seen: Seen, record: TaskRecord, log: Sequence[str]) -> None:
        self.how[seen.task, seen.index] = how(record)
        if record.status == "failed":
            super().finished(seen, record, log)

    def draw(self, seen: Sequence[Seen], sizes: Mapping[str, int]) -> None:
        by_task: dict[str, list[Seen]] = {name: [] for name in self.tasks}
        for one in seen:
            by_task.setdefault(one.task, []).append(one)
        self.sizes.update(sizes)
        self.seen = by_task

    def _picture(self) -> RenderableType:
        from rich.tree import Tree as Branches

        now = time.time()
        root = Branches(_text(f"{self.run.run}  {_elapsed(now - self.run.started)}", "bold"))
        groups = {"": root}
        names = list(self.seen)
        shown = names if len(names) <= self.console.height - _BESIDE else list(self._busy(names))
        width = max((len(name.rpartition(BETWEEN)[2]) for name in shown), default=0)
        for name in shown:
            above, _, own = name.rpartition(BETWEEN)
            self._group(groups, above).add(self._line(own.ljust(width), name, now))
        if left := len(names) - len(shown):
            root.add(_text(f"… and {left} more", "dim"))
        return root

    def _busy(self, names: Sequence[str]) -> Iterator[str]:
        """As many as fit, those that run or failed before those that ended or are to come."""
        room = max(1, self.console.height - _BESIDE - 1)
        rank = {
            name: 0 if {one.state for one in self.seen[name]} & {"running", "asking", "failed", "waiting"} else 1
            for name in names
        }
        chosen = set(sorted(names, key=lambda name: rank[name])[:room])
        return (name for name in names if name in chosen)

    def _group(self, groups: dict[str, Any], name: str) -> Any:
        """The branch of a workflow that is used as a task."""
        if name not in groups:
            above, _, own = name.rpartition(BETWEEN)
            groups[name] = self._group(groups, above).add(_text(own, "bold"))
        return groups[name]

    def _line(self, own: str, name: str, now: float) -> Text:
        seen = self.seen[name]
        states = Counter(one.state for one in seen)
        state = next(
            (
                one
                for one in ("asking", "running", "waiting", "failed", "omitted", "skipped", "succeeded")
                if states[one]
            ),
            "",
        )
        parts = [own]
        many = name in self.sizes or len(seen) > 1
        if many:
            parts.append(_bar(sum(one.ended for one in seen), self.sizes.get(name, len(seen))))
            parts += [f"{states['failed']} failed"] if states["failed"] else []
        begun = [one.started for one in seen if one.started]
        if begun and state in ("running", "asking", "waiting"):
            parts.append(_elapsed(now - min(begun)))
            parts += [one.message for one in seen if one.state == "waiting" and one.message][:1]
        elif seen and not many:
            parts.append(self.how.get((name, seen[0].index), state))
        mark = MARKS.get(state) or _NOW.get(state, " ")
        return _text(f"{mark} {'  '.join(parts)}", _STYLES.get(state, "dim"))


def _elapsed(seconds: float) -> str:
    """Whole seconds: what runs is drawn anew several times in each."""
    return duration(seconds) if seconds >= 10 else f"{max(0.0, seconds):.0f} s"


def _bar(done: int, of: int) -> str:
    """``████░░░░ 3/8``"""
    full = BAR * done // of if of else BAR
    return f"{'█' * full}{'░' * (BAR - full)} {done}/{of}"


def _text(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(
        "".join(char if char.isprintable() else "�" for char in text), style=style, no_wrap=True, overflow="ellipsis"
    )
