"""One attempt inside a process of its own: the work, its result in a file, its publication in the cache."""

from __future__ import annotations

import json
import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schemas.plan import canonical
from ..schemas.record import Failure
from ..storing import Store
from .execute import Work, execute
from .failure import TaskFailure

RESULT = "result.json"


@dataclass(frozen=True)
class Attempt:
    """What an attempt needs besides the work itself."""

    run: str
    task: str
    key: str | None
    """where to publish the result; None = nowhere"""
    replace: bool = False
    """take the place of an earlier result"""


def attempt(work: Work, about: Attempt, store: Store) -> int:
    """Does the work and leaves ``result.json`` in its folder; returns the process's exit code."""
    begun = time.monotonic()
    try:
        outputs = execute(work, store)
        if about.key:
            action = store.record_action(
                about.key,
                outputs,
                run=about.run,
                task=about.task,
                seconds=time.monotonic() - begun,
                replace=about.replace,
            )
            outputs = action["outputs"]
        _leave(work.folder, {"outputs": outputs})
        return 0
    except TaskFailure as error:
        _explain(error)
        _leave(work.folder, {"failure": error.failure.model_dump(mode="json")})
        return error.failure.exit_code or 1


def _explain(error: TaskFailure) -> None:
    """The reader of the log sees the step's own lines of the traceback, not the engine's."""
    cause = error.__cause__
    if cause is not None and error.failure.kind == "error":
        frames = cause.__traceback__
        while frames is not None and Path(frames.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
            frames = frames.tb_next
        traceback.print_exception(type(cause), cause, frames)
    else:
        print(f"{error.failure.kind}: {error.failure.message}", flush=True)


def _leave(folder: Path, result: dict[str, Any]) -> None:
    partial = folder / (RESULT + ".partial")
    partial.write_text(canonical(result), encoding="utf-8")
    partial.replace(folder / RESULT)


def read_result(folder: Path) -> tuple[dict[str, Any] | None, Failure | None]:
    """What an attempt left: outputs, or a failure, or neither when its process was ended from outside."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, None
    failure = result.get("failure")
    return result.get("outputs"), Failure.model_validate(failure) if failure else None


def flush_and_exit(code: int) -> None:
    """Ends a forked process at once: no exit handler of a library that belongs to its parent runs."""
    import sys

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)
