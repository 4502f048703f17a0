"""The plan: everything settled, nothing about a target. Frozen, with one stable JSON form.

Inside a plan an input is a *template*: a JSON value in which ``{"$ref": "train.model"}`` stands for a value known later
and ``{"$text": ["epochs-", {"$ref": "parameters.epochs"}]}`` for text made of several pieces. An expression is a JSON
list in prefix form: ``[">=", {"$ref": "evaluate.accuracy"}, 0.9]``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from . import BadInput
from .contract import Port, type_name
from .shape import Accelerator, Growth, Shape
from .template import Lookup, resolve
from .workflow import Concurrency, Matrix, Schedule


class PlannedStep(Shape):
    """A step as it was found: contract and code are pinned by digests."""

    name: str
    version: str
    contract: str
    """digest of the contract: the parts of step.yaml that decide a result"""
    code: str
    """digest of the tree of files in its folder that are not documentation: what a store calls it"""
    image: str
    python: str | None = None
    command: list[str] | None = None
    requires: list[str] = []
    preload: list[str] = []
    inputs: dict[str, Port] = {}
    outputs: dict[str, Port] = {}
    uses: str
    """how the workflow names it"""
    folder: Path | None = Field(default=None, exclude=True)
    """where its code lies on this machine; not part of the plan's JSON form"""
    written: Path | None = Field(default=None, exclude=True)
    """where the user writes it, when `folder` holds a copy: what tracebacks name"""

    @property
    def own(self) -> bool:
        """Whether its code is a folder of the user's, and not part of an installed package."""
        return self.uses.startswith((".", "/"))

    @property
    def needs_code(self) -> bool:
        """Whether files of its folder must be where it runs: a program may need nothing but its image."""
        return self.python is not None or any("${code}" in part for part in self.command or ())


class PlannedResources(Shape):
    """Needs of one instance, in plain units."""

    cpu: float
    """CPUs"""
    memory: int
    """bytes"""
    disk: int | None = None
    """bytes"""
    accelerator: Accelerator | None = None
    grow: Growth | None = None

    def of(self, attempt: int) -> PlannedResources:
        """Needs of an attempt, the first of which is 1."""
        if self.grow is None or attempt == 1:
            return self
        further = attempt - 1
        return self.model_copy(
            update={
                "cpu": self.cpu * self.grow.cpu**further,
                "memory": round(self.memory * self.grow.memory**further),
                "disk": None if self.disk is None else round(self.disk * self.grow.disk**further),
            }
        )


class PlannedRetry(Shape):
    """Further attempts, waits in seconds."""

    limit: int
    backoff: float
    factor: float
    max: float
    exit_codes: list[int] | None = None


class PlannedRepeat(Shape):
    """Rounds of one task."""

    times: int
    until: Any = None
    """expression; None = always all rounds"""
    start: dict[str, Any] = {}
    """carried name -> template"""
    carry: dict[str, str] = {}
    """carried name -> output"""


class PlannedApproval(Shape):
    """A person's word."""

    message: str
    timeout: float | None = None
    """seconds; None = for ever"""
    otherwise: Literal["reject", "approve"] = "reject"


class TaskSpec(Shape):
    """What the launcher of a task needs to know of it."""

    name: str
    inputs: dict[str, Any] = {}
    """input -> template; defaults of the contract are filled in"""
    matrix: Matrix | None = None
    for_each: Any = None
    """template of a list; None = no such"""
    repeat: PlannedRepeat | None = None
    approve: PlannedApproval | None = None
    """waits for a person; the step's outputs are what that person may say"""
    when: Any = None
    """expression; None = always"""
    cache: bool = True
    expires: float | None = None
    """seconds after which a cached result is too old"""

    @property
    def many(self) -> bool:
        """Whether it has instances, so that a reference to it is a list."""
        return self.matrix is not None or self.for_each is not None

    def instances(self, lookup: Lookup) -> list[dict[str, Any]]:
        """What sets each instance apart: its matrix values, its item, its round; one empty mapping for a task of one.

        Raises what ``lookup`` raises, and BadInput where `for_each` gets no list.
        """
        if self.repeat:
            return [{"round": number} for number in range(self.repeat.times)]
        if self.for_each is None:
            return self.matrix.combinations() if self.matrix else [{}]
        items = resolve(self.for_each, lookup)
        if not isinstance(items, list):
            raise BadInput(f"for_each of task {self.name!r} needs a list, not {type_name(items)}")
        return [{"item": item} for item in items]


class PlannedTask(TaskSpec):
    """One task, with all that a target needs to know."""

    step: str
    """key of the plan's steps"""
    needs: list[str] = []
    """every task that comes before it, by data or by order, sorted"""
    max_parallel: int | None = None
    retry: PlannedRetry | None = None
    timeout: float | None = None
    """seconds for one attempt"""
    resources: PlannedResources
    allow_failure: bool = False
    argo: dict[str, Any] = {}
    """patch of the template on a cluster"""
    site: str
    pool: str | None = None


class Plan(Shape):
    """Tasks in an order in which they may run."""

    format: Literal["lighterage/plan/1"] = "lighterage/plan/1"
    workflow: str
    description: str = ""
    environment: str
    store: str
    """URL of the store"""
    parameters: dict[str, Port] = {}
    """their contracts"""
    arguments: dict[str, Any] = {}
    """their values in this plan"""
    steps: dict[str, PlannedStep] = {}
    tasks: list[PlannedTask] = []
    on_exit: list[PlannedTask] = []
    """what follows the run; conditions over `run.status`"""
    outputs: dict[str, Any] = {}
    """name -> template"""
    schedule: Schedule | None = None
    concurrency: Concurrency | None = None

    def task(self, name: str) -> PlannedTask:
        """The task of that name. Raises KeyError."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def json_text(self) -> str:
        """The stable form: sorted keys, nothing left at its default, ASCII, no machine path."""
        return canonical(self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"format": self.format})


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare space. Raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest_of(value: Any) -> str:
    """``sha256:…`` of a value's canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()
