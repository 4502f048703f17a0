"""One attempt inside a process of its own: the work, its publication in the cache, its result as JSON."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..schemas.plan import PlannedStep, TaskSpec
from ..schemas.record import ArtifactRef
from ..schemas.tree import code_digest
from ..storing import Store
from .code import package_folder
from .execute import Work, execute
from .failure import TaskFailure
from .ingredients import changed_since

Do = Callable[[Work, Store], dict[str, Any]]


class Attempt(NamedTuple):
    """What an attempt needs besides the work itself."""

    run: str
    task: str
    key: str | None
    """where to publish the result; None = nowhere"""
    replace: bool = False
    """take the place of an earlier result"""
    external: Mapping[str, str] = {}
    """external data by input, as it was when the key was made"""
    since: float = 0.0
    """seconds since 1970 when that was"""


def attempt(work: Work, about: Attempt, store: Store, do: Do = execute) -> dict[str, Any]:
    """Does the work; returns ``{"outputs": …}``, with ``not_kept`` where that is so, or ``{"failure": …}``, as a record
    keeps them."""
    begun = time.monotonic()
    try:
        outputs = do(work, store)
        if about.key is None:
            return {"outputs": outputs}
        if changed := _changed_meanwhile(work, about):
            print(f"{changed}: the result is this run's, and answers no other", flush=True)
            return {"outputs": outputs, "not_kept": changed}
        action = store.record_action(
            about.key,
            outputs,
            run=about.run,
            task=about.task,
            seconds=time.monotonic() - begun,
            replace=about.replace,
        )
        return {"outputs": action["outputs"]}
    except TaskFailure as error:
        if not error.told:
            with contextlib.suppress(
                OSError, ValueError
            ):  # a step may have closed its stdout; the failure is told all the same
                explain(error)
        return {"failure": error.failure.model_dump(mode="json")}


def _changed_meanwhile(work: Work, about: Attempt) -> str | None:
    """What the step may have found other than it was when the key was made of it. The user's own code cannot change: a
    run has copies of it."""
    for changed in changed_since(about.since, about.external, work.inputs, work.base):
        return changed
    step = work.step
    if not step.own and step.needs_code and code_digest(package_folder(step)) != step.code:
        return f"the code of {step.uses} changed while the task ran"
    return None


def exit_code_of(result: dict[str, Any]) -> int:
    """The exit code of a process that did this attempt."""
    return (result["failure"]["exit_code"] or 1) if "failure" in result else 0


def explain(error: TaskFailure) -> None:
    """Prints why: the reader of the log sees the step's own lines of the traceback, not the engine's."""
    cause = error.__cause__
    if cause is not None and error.failure.kind == "error":
        import traceback

        frames = cause.__traceback__
        while frames is not None and Path(frames.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
            frames = frames.tb_next
        traceback.print_exception(type(cause), cause, frames)
    else:
        print(f"{error.failure.kind}: {error.failure.message}", flush=True)


def earlier_result(store: Store, task: TaskSpec, step: PlannedStep, key: str) -> dict[str, Any] | None:
    """The action of an earlier run that may stand for this one: young enough, and its artifacts are there."""
    action = store.find_action(key) if task.cache else None
    if action is None or (task.expires is not None and time.time() - action["created"] > task.expires):
        return None
    if not store.lasts(key, action):
        return None
    artifacts = [value for name, value in action["outputs"].items() if step.outputs[name].is_artifact]
    return action if all(store.has(ArtifactRef.model_validate(one)) for one in artifacts) else None
