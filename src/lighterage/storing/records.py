"""What is kept beside the objects: results by key, plans and records by run, logs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import ValidationError

from ..schemas.plan import Plan, canonical, digest_of
from ..schemas.record import RunRecord, TaskRecord
from ..schemas.shape import Shape
from .artifacts import Artifacts
from .errors import StoreError
from .pins import lasts
from .together import for_all
from .trees import references

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ACTION = {"outputs", "run", "task", "seconds", "created"}
_CHECK = "digest"
"""field of a result's document that holds the digest of the others: a result has no name that would tell of damage"""

Record = TypeVar("Record", bound=Shape)


class Records(Artifacts):
    """A store's documents. Each appears whole or not at all, after the objects that it names."""

    # --- actions ---

    def find_action(self, key: str) -> dict[str, Any] | None:
        """What a key gave: outputs, run, task, seconds, created. None when unknown or not readable."""
        try:
            return _action(self._backend.read(_action_key(key)))
        except (OSError, StoreError):
            return None

    def record_action(
        self, key: str, outputs: dict[str, Any], *, run: str, task: str, seconds: float, replace: bool = False
    ) -> dict[str, Any]:
        """Publishes a result; returns the one that stays: the first, if whole and not to ``replace``."""
        action = {
            "outputs": outputs,
            "run": run,
            "task": task,
            "seconds": round(seconds, 3),
            "created": time.time(),
        }
        data = _sealed(action)
        if not replace:
            # Not synced: what a power cut leaves of it reads as unknown, and the objects it names are synced.
            if self._backend.create(_action_key(key), data, sync=False):
                return action
            first = self.find_action(key)
            if first and self.lasts(key, first) and all(self.has(ref) for ref in references(first["outputs"])):
                return first
        self._backend.replace(_action_key(key), data)
        return action

    def lasts(self, key: str, action: dict[str, Any]) -> bool:
        """Whether a result that was found may be counted on: an old one is kept from being collected."""
        return lasts(self._backend, _action_key(key), action["created"])

    # --- runs ---

    def write_plan(self, run: str, plan: Plan) -> None:
        self._backend.replace(_run_key(run, "plan.json"), plan.json_text().encode())

    def read_plan(self, run: str) -> Plan | None:
        return self._read(_run_key(run, "plan.json"), Plan)

    def write_run(self, record: RunRecord) -> None:
        self._write(_run_key(record.run, "run.json"), record)

    def begin_run(self, record: RunRecord) -> bool:
        """Writes a run's record unless there is one; of several processes one does."""
        return self._backend.create(_run_key(record.run, "run.json"), _text(record))

    def read_run(self, run: str) -> RunRecord | None:
        return self._read(_run_key(run, "run.json"), RunRecord)

    def runs(self) -> list[RunRecord]:
        """Every run, the newest first."""
        found = self._read_all(self.read_run, self._backend.folders("runs"))
        return sorted(filter(None, found), key=lambda record: (record.started, record.run), reverse=True)

    def write_record(self, record: TaskRecord) -> None:
        self._write(_record_key(record.run, record.task, record.index), record)

    def read_record(self, run: str, task: str, index: int = 0) -> TaskRecord | None:
        return self._read(_record_key(run, task, index), TaskRecord)

    def records(self, run: str, task: str | None = None) -> Iterator[TaskRecord]:
        """Records of a run's instances, or of one task's, in no order."""
        keys = self._backend.list(_run_key(run, "tasks"))
        wanted = [key for key in keys if task in (None, key.rpartition("/")[2].rsplit(".", 2)[0])]
        yield from filter(None, self._read_all(lambda key: self._read(key, TaskRecord), wanted))

    def _read_all(self, read: Callable[[str], Record | None], names: Iterable[str]) -> list[Record | None]:
        """Side by side where a read waits for a network; elsewhere Python is what takes the time."""
        return for_all(read, names, 1 if self.root else self._backend.parallel)

    def _write(self, key: str, record: RunRecord | TaskRecord) -> None:
        self._backend.replace(key, _text(record))

    def _read(self, key: str, shape: type[Record]) -> Record | None:
        """None for what is not there, or left empty by a power cut. Raises StoreError for other versions."""
        try:
            data = self._backend.read(key)
            return shape.model_validate_json(data) if data else None
        except FileNotFoundError:
            return None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            message = f"{self.url}/{key} cannot be read by this version: {where} {first['msg']}"
            raise StoreError(message) from None

    # --- answers ---

    def write_answer(self, run: str, task: str, answer: dict[str, Any]) -> bool:
        """What a person said to a task that asks: approved, values. False when it was answered before."""
        return self._backend.create(_answer_key(run, task), canonical(answer).encode())

    def read_answer(self, run: str, task: str) -> dict[str, Any] | None:
        """None while there is none."""
        try:
            answer: dict[str, Any] = json.loads(self._backend.read(_answer_key(run, task)))
        except FileNotFoundError:
            return None
        return answer

    # --- logs ---

    def log_file(self, run: str, task: str, index: int = 0) -> Path | None:
        """A file that a task may append to while it runs; None where the store is not a folder."""
        if self.root is None:
            return None
        place = self.root / _log_key(run, task, index)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{place.parent}: {error.strerror}") from error
        return place

    def put_log(self, run: str, task: str, index: int, path: Path) -> None:
        """Keeps the log of a task that wrote it elsewhere."""
        self._backend.replace_file(_log_key(run, task, index), path)

    def open_log(self, run: str, task: str, index: int = 0) -> BinaryIO:
        """Raises FileNotFoundError when the task has no log."""
        return self._backend.open(_log_key(run, task, index))


def is_action(data: bytes) -> bool:
    """Whether these bytes are a whole result."""
    return _action(data) is not None


def _action(data: bytes) -> dict[str, Any] | None:
    try:
        action = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(action, dict) or not action.keys() >= _ACTION or action.pop(_CHECK, None) != digest_of(action):
        return None
    return action


def _sealed(action: dict[str, Any]) -> bytes:
    read = json.loads(canonical(action))  # as whoever checks it sees it: keys are texts there, and so is their order
    return canonical(read | {_CHECK: digest_of(read)}).encode()


def _text(record: RunRecord | TaskRecord) -> bytes:
    return canonical(record.model_dump(mode="json", exclude_defaults=True) | {"format": record.format}).encode()


def _named(name: str) -> str:
    """A name that stays inside its folder. Raises StoreError."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} names no run, task or result: only letters, digits, '.', '_' and '-' do")
    return name


def _action_key(key: str) -> str:
    return f"actions/{_named(key)}.json"


def _run_key(run: str, below: str) -> str:
    return f"runs/{_named(run)}/{below}"


def _record_key(run: str, task: str, index: int) -> str:
    return _run_key(run, f"tasks/{_named(task)}.{index}.json")


def _answer_key(run: str, task: str) -> str:
    return _run_key(run, f"answers/{_named(task)}.json")


def _log_key(run: str, task: str, index: int) -> str:
    return _run_key(run, f"logs/{_named(task)}.{index}.log")
