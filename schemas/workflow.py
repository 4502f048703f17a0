"""``workflows/*.yaml``: the language people write. One `with`; references are `${task.output}` and nothing else is templated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .contract import Port, shorthand
from .cron import checked_cron
from .shape import ApiVersion, Duration, FieldName, Resources, Shape, TaskName

RESERVED = frozenset({"parameters", "matrix", "environment", "item", "carried", "run", "inputs", "outputs"})
"""First words of a reference that are not tasks."""

Parameter = Annotated[
    Port, BeforeValidator(shorthand, json_schema_input_type=Port | str | int | float | bool | list[Any])
]


class Matrix(Shape):
    """One instance of the task for each combination of the axes, in file order."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[FieldName, Annotated[list[Any], Field(min_length=1)]]

    include: list[dict[str, Any]] = []
    """combinations to add, or values to add to those they agree with"""
    exclude: list[dict[str, Any]] = []
    """combinations to leave out; a part of one is enough"""

    @property
    def axes(self) -> dict[str, list[Any]]:
        return self.__pydantic_extra__

    def combinations(self) -> list[dict[str, Any]]:
        """The instances' values, in order: products first, then what `include` adds (GitHub Actions' rules)."""
        names = list(self.axes)
        originals = [
            dict(zip(names, values, strict=True)) for values in (product(*self.axes.values()) if names else ())
        ]
        originals = [one for one in originals if not any(_agrees(one, part) for part in self.exclude)]
        made = [dict(one) for one in originals]
        for extra in self.include:
            own = {axis: value for axis, value in extra.items() if axis in self.axes}
            hits = [new for one, new in zip(originals, made, strict=False) if _agrees(one, own)]
            for hit in hits:
                hit.update(extra)
            if not hits:
                made.append(dict(extra))
        return made

    def names(self) -> Iterator[str]:
        """Every name that `${matrix.…}` may use."""
        yield from dict.fromkeys([*self.axes, *(name for extra in self.include for name in extra)])


def _agrees(combination: dict[str, Any], part: dict[str, Any]) -> bool:
    missing = object()
    return all(combination.get(axis, missing) == value for axis, value in part.items())


class Retry(Shape):
    """Another attempt after a failure that may heal. Bad input (exit 64) is never tried again."""

    limit: Annotated[int, Field(ge=1, le=100)] = 2
    """attempts after the first"""
    backoff: Duration = "5s"
    """wait before the second attempt"""
    factor: Annotated[int | float, Field(ge=1, le=10)] = 2
    """growth of the wait"""
    max: Duration = "10m"
    """longest wait"""
    exit_codes: list[Annotated[int, Field(ge=1, le=255)]] | None = None
    """only after these; any but 64 where nothing is said"""


class CachePolicy(Shape):
    """For how long a result may be used again."""

    expires: Duration
    """age after which the task runs anew"""


class Repeat(Shape):
    """Rounds of one task, one after the other; what follows sees the last."""

    times: Annotated[int, Field(ge=1, le=1000)]
    """most rounds"""
    until: str | None = None
    """condition over the task's own outputs, `${improve.mse} <= 0.01`; no further round once it holds"""
    start: dict[FieldName, Any] = {}
    """what `${carried.x}` is in the first round"""
    carry: dict[FieldName, FieldName] = {}
    """what it is afterwards: an output of the round before"""

    @model_validator(mode="after")
    def _what_is_carried_has_a_start(self) -> Repeat:
        for name in self.start.keys() ^ self.carry.keys():
            missing = "start" if name in self.carry else "carry"
            raise ValueError(f"{name!r} stands in one of `start` and `carry`, and is missing in `{missing}`")
        return self


class Approval(Shape):
    """A person's word that the run waits for."""

    message: Annotated[str, Field(min_length=1)]
    """what the person is asked"""
    inputs: dict[FieldName, Parameter] = {}
    """what the person may say besides yes or no; these are the task's outputs"""
    timeout: Duration | None = None
    """how long to wait; for ever where nothing is said"""
    otherwise: Literal["reject", "approve"] = "reject"
    """what silence means once that time is over"""

    @model_validator(mode="after")
    def _only_values_that_need_no_answer(self) -> Approval:
        for name, port in self.inputs.items():
            if port.is_artifact:
                raise ValueError(f"{name!r} is an artifact, which nobody can say")
            if self.timeout and self.otherwise == "approve" and port.required:
                raise ValueError(f"{name!r} needs a default, as silence means yes")
        return self


class Task(Shape):
    """One use of a step."""

    uses: Annotated[str, Field(min_length=1)] | None = None
    """step and major version, `data/split@1`; `package:name@1` of an installed package; `./path` of your own; `./other.yaml`,
    a workflow"""
    approve: Approval | None = None
    """instead of `uses`: waits for a person"""
    with_: Annotated[dict[FieldName, Any], Field(alias="with")] = {}
    """the step's inputs, values and artifacts alike; `$${` stands for the characters `${` themselves"""
    description: str = ""
    """one line for the reader"""
    needs: list[TaskName] = []
    """tasks that must have succeeded first; data references are order enough"""
    matrix: Matrix | None = None
    """one instance for each combination"""
    for_each: str | None = None
    """a list known at run time, `${list.items}`; one instance for each item, `${item}` or `${item.field}`"""
    max_parallel: Annotated[int, Field(ge=1)] | None = None
    """instances at one time"""
    repeat: Repeat | None = None
    """rounds in sequence"""
    when: str | bool | None = None
    """condition over values; else the task and what depends on it are skipped"""
    retry: Retry | None = None
    """further attempts"""
    timeout: Duration | None = None
    """of one attempt"""
    resources: Resources | None = None
    """what one instance needs; the step's own needs where nothing is said"""
    cache: bool | CachePolicy = True
    """whether an equal task's result may be used again"""
    allow_failure: bool = False
    """the run goes on; dependants see what exists"""
    argo: dict[str, Any] = {}
    """fields of Argo's template that the language has no word for: affinity, metadata, nodeSelector, priorityClassName,
    schedulerName, tolerations; they mean nothing on a laptop"""

    @property
    def many(self) -> bool:
        """Whether it has instances, so that a reference to it is a list."""
        return self.matrix is not None or self.for_each is not None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Task:
        if self.uses is None and self.approve is None:
            raise PydanticCustomError("lacks_any_of", "lacks the field 'uses' or 'approve'")
        if self.uses is not None and self.approve is not None:
            raise ValueError("a task has either `uses:` or `approve:`")
        beside = self.model_fields_set - {"approve", "description", "needs", "when"}
        if self.approve and beside:
            names = sorted(type(self).model_fields[name].alias or name for name in beside)
            raise ValueError(
                f"{', '.join(names)}: a task that waits for a person has only `needs:`, `when:` and `description:`"
            )
        return self

    @model_validator(mode="after")
    def _instances_have_one_origin(self) -> Task:
        if self.matrix is not None and self.for_each is not None:
            raise ValueError("a task has either `matrix:` or `for_each:`")
        if self.repeat is not None and self.many:
            raise ValueError("`repeat:` goes with neither `matrix:` nor `for_each:`; put it into a workflow of its own")
        if self.max_parallel is not None and not self.many:
            raise ValueError("`max_parallel` is for a task with `matrix:` or `for_each:`")
        return self


class ExitTask(Shape):
    """What is done when a run has ended."""

    when: Literal["succeeded", "failed", "always"] = "always"
    """how the run must have ended; `failed` is anything but a success"""
    uses: Annotated[str, Field(min_length=1)]
    """the step, as in a task"""
    with_: Annotated[dict[FieldName, Any], Field(alias="with")] = {}
    """its inputs; `${run.id}`, `${run.status}` and `${run.failed}` tell of the run"""
    description: str = ""
    """one line for the reader"""
    retry: Retry | None = None
    """further attempts"""
    timeout: Duration | None = None
    """of one attempt"""
    resources: Resources | None = None
    """what it needs"""

    def as_task(self) -> Task:
        """The same, but for its condition."""
        return Task.model_construct(
            uses=self.uses, with_=self.with_, retry=self.retry, timeout=self.timeout, resources=self.resources
        )


Cron = Annotated[str, AfterValidator(checked_cron), Field(examples=["0 6 * * 1", "@daily"])]


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("this is no time zone; Europe/Zurich and UTC are") from None
    return name


class Schedule(Shape):
    """When a cluster starts the workflow by itself."""

    cron: Annotated[list[Cron], Field(min_length=1)]
    """minute, hour, day of the month, month, day of the week; several lines are several schedules"""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """whose clock: Europe/Zurich"""
    concurrency: Literal["allow", "forbid", "replace"] = "forbid"
    """while the run before is under way: start beside it, leave this one out, or stop it"""
    catch_up: Duration | None = None
    """how late a start that was missed may still happen"""


class Semaphore(Shape):
    """A number of places that runs of any workflow share."""

    name: TaskName
    """its name"""
    limit: Annotated[int, Field(ge=1)]
    """runs at one time"""


class Concurrency(Shape):
    """How much at one time."""

    parallelism: Annotated[int, Field(ge=1)] | None = None
    """task instances of a run"""
    mutex: TaskName | None = None
    """runs that name the same one wait for each other"""
    semaphore: Semaphore | None = None
    """like a mutex with several places"""


class Workflow(Shape):
    """Tasks and what flows between them."""

    apiVersion: ApiVersion
    """lighterage/v1"""
    kind: Literal["Workflow"]
    """Workflow"""
    name: TaskName
    """its name"""
    description: str = ""
    """one sentence: what it makes of what"""
    parameters: dict[FieldName, Parameter] = {}
    """what a run may set with `-p name=value`"""
    tasks: Annotated[dict[TaskName, Task], Field(min_length=1)]
    """the work"""
    outputs: dict[FieldName, str] = {}
    """what the workflow gives: name -> `${task.output}`"""
    on_exit: list[ExitTask] = []
    """what is done when a run has ended, one way or the other"""
    schedule: Schedule | None = None
    """when it starts by itself, on a cluster"""
    concurrency: Concurrency | None = None
    """how much at one time"""
