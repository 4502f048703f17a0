"""What is kept of a run: the account of each task instance, and of the whole."""

from __future__ import annotations

from typing import Any, Literal

from .shape import Shape

Status = Literal["succeeded", "failed", "skipped", "omitted", "cancelled"]
"""skipped: its condition was false, or one before it was skipped; omitted: one before it failed; cancelled: the run was stopped."""


class ArtifactRef(Shape):
    """An artifact in the store, by content."""

    type: str
    """dataset, model/keras …"""
    digest: str
    """sha256:… of a file's bytes, or of a folder's tree object"""
    size: int
    """bytes, all files together"""
    tree: bool = False
    """whether it is a folder"""


class Failure(Shape):
    """Why an instance failed."""

    kind: Literal["error", "bad_input", "exit", "signal", "timeout", "output", "missing", "store", "rejected"]
    """error: an exception; bad_input: the step refused its input; exit, signal: how the process ended; output: not what the
    contract says; missing: something is not installed; store: the store could not be read or written; rejected: a person, or
    nobody in time, said no"""
    message: str
    """one or two sentences"""
    exit_code: int | None = None
    signal: str | None = None


class TaskRecord(Shape):
    """The account of one instance of a task."""

    format: Literal["lighterage/task/1"] = "lighterage/task/1"
    run: str
    task: str
    index: int = 0
    """of a matrix; 0 for a task without one"""
    matrix: dict[str, Any] = {}
    status: Status
    cached: bool = False
    from_run: str | None = None
    """the run that did the work, when cached"""
    attempt: int = 1
    started: float | None = None
    """seconds since 1970"""
    seconds: float = 0.0
    """time it took, by the monotonic clock"""
    key: str | None = None
    """digest of the ingredients"""
    ingredients: dict[str, Any] = {}
    """what decides the result: step, code, libraries, values, artifacts"""
    outputs: dict[str, Any] = {}
    """name -> value, or an artifact: ``{"type", "digest", "size", "tree"}``"""
    failure: Failure | None = None
    not_kept: str | None = None
    """what changed under the task, so that its result answers no other run"""
    peak_memory: int | None = None
    """bytes, of the task's largest process"""

    @property
    def label(self) -> str:
        """``train`` or ``train[2]``."""
        return f"{self.task}[{self.index}]" if self.matrix else self.task


class RunRecord(Shape):
    """The account of a run."""

    format: Literal["lighterage/run/1"] = "lighterage/run/1"
    run: str
    workflow: str
    environment: str
    arguments: dict[str, Any] = {}
    started: float
    finished: float | None = None
    status: Literal["running", "succeeded", "failed", "cancelled"]
    outputs: dict[str, Any] = {}
    reason: str = ""
    """what a cluster said of the whole when it ended, where no task can tell"""
    engine: str
    """version of lighterage"""
