"""How a run on a cluster ended: from the records of its tasks, its plan, and what the cluster still knows.

Pods write records; nobody on a cluster writes how the whole ended, nor what became of a task whose pod was killed or
never made. Whoever looks first works it out and writes it down, so that those who look later need no cluster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ..launching.inputs import Absent, another_round, lookup_in, wanted
from ..schemas import BadInput
from ..schemas.plan import Plan, PlannedTask
from ..schemas.record import RunRecord, Status, TaskRecord
from ..schemas.template import Lookup, resolve
from ..storing import Store


class Told(NamedTuple):
    """What a cluster says of a run."""

    status: Literal["running", "succeeded", "failed", "cancelled", "gone"]
    """gone: the cluster has forgotten it"""
    finished: float | None = None
    """seconds since 1970"""
    reason: str = ""
    """a sentence about the whole, if there is one"""
    records: Sequence[TaskRecord] = ()
    """what it knows of instances, without their outputs"""


def settle(store: Store, run: RunRecord, told: Told | None) -> RunRecord:
    """The run as it is now. If it has ended, that and what was missing is written to the store.

    ``told`` is None where the cluster could not be asked: then records must be enough, or the run stays `running`.
    """
    if run.status != "running" or (told and told.status == "running"):
        return run
    there = list(store.records(run.run))
    plan = store.read_plan(run.run)
    if plan is None:
        account = _merged(there, told.records) if told and told.status != "gone" else None
        status, outputs = told.status if told else "gone", {}
    else:
        ending = _Ending(plan, run, there, told)
        account = ending.account()
        status, outputs = ending.status, ending.outputs()
    if account is None or status == "gone":
        return run
    before = {(one.task, one.index): one for one in there}
    for record in account:
        if before.get((record.task, record.index)) != record:
            store.write_record(record)
    ended = run.model_copy(
        update={
            "status": status,
            "finished": told.finished if told and told.finished else _last_end(account, run.started),
            "outputs": outputs,
            "reason": told.reason if told and status != "succeeded" else "",
        }
    )
    store.write_run(ended)
    return ended


def start_again(store: Store, run: RunRecord) -> RunRecord:
    """Notes that what did not succeed is being tried again."""
    for record in store.records(run.run):
        if record.status in ("failed", "omitted", "cancelled"):
            store.write_record(
                TaskRecord(run=run.run, task=record.task, index=record.index, matrix=record.matrix, status="cancelled")
            )
    running = run.model_copy(update={"status": "running", "finished": None, "outputs": {}, "reason": ""})
    store.write_run(running)
    return running


def _last_end(records: Sequence[TaskRecord], started: float) -> float:
    return max((one.started + one.seconds for one in records if one.started), default=started)


def _agreed(mine: TaskRecord | None, told: TaskRecord | None) -> TaskRecord | None:
    """A pod's own record says more, but that it failed after writing it only the cluster knows.

    A `cancelled` one is of an earlier try: no pod writes that.
    """
    if mine is None or mine.status == "cancelled":
        return told
    if told is not None and told.status == "failed" and mine.status == "succeeded":
        return mine.model_copy(update={"status": "failed", "failure": told.failure})
    return mine


def _merged(there: Sequence[TaskRecord], told: Sequence[TaskRecord]) -> list[TaskRecord]:
    """Without a plan: what either knows."""
    mine = {(one.task, one.index): one for one in there}
    theirs = {(one.task, one.index): one for one in told}
    both = (_agreed(mine.get(key), theirs.get(key)) for key in mine | theirs)
    return [one for one in both if one is not None]


class _Ending:
    """A plan's tasks, each with how it ended as far as that can be known."""

    def __init__(self, plan: Plan, run: RunRecord, there: Sequence[TaskRecord], told: Told | None) -> None:
        self.plan = plan
        self.run = run
        self.told = told
        self.mine = {(one.task, one.index): one for one in there}
        self.theirs = {(one.task, one.index): one for one in (told.records if told else ())}
        self.known: dict[str, list[TaskRecord]] = {}
        self.facts: dict[str, Any] | None = None
        """about the run, for what follows it"""

    def account(self) -> list[TaskRecord] | None:
        """Records of every instance, in the plan's order; None when something may still come."""
        for task in self.plan.tasks:
            if not self._ended(task):
                return None
        failed = sorted({one.task for each in self.known.values() for one in each if one.status == "failed"})
        status = "succeeded" if self.status == "succeeded" else "failed"
        self.facts = {"id": self.run.run, "status": status, "failed": failed}
        for task in self.plan.on_exit:
            if not self._ended(task):
                return None
        return [record for each in self.known.values() for record in each]

    @property
    def status(self) -> Literal["succeeded", "failed", "cancelled", "gone"]:
        """The cluster's word, else what the tasks come to."""
        if self.told and self.told.status in ("succeeded", "failed", "cancelled"):
            return self.told.status
        tasks = {task.name: task for task in (*self.plan.tasks, *self.plan.on_exit)}
        bad = {one.status for name, each in self.known.items() for one in each if not tasks[name].allow_failure}
        return "failed" if "failed" in bad else "cancelled" if "cancelled" in bad else "succeeded"

    def outputs(self) -> dict[str, Any]:
        """The workflow's outputs, as far as they exist."""
        found = {}
        for name, template in self.plan.outputs.items():
            with contextlib.suppress(Absent, KeyError):
                found[name] = resolve(template, self._lookup({}))
        return found

    def _lookup(self, matrix: dict[str, Any]) -> Lookup:
        known = {"parameters": self.plan.arguments, "matrix": matrix, "item": matrix.get("item"), "run": self.facts}
        return lookup_in(lambda name: self.known.get(name, []), lambda name: self.plan.task(name).many, **known)

    def _ended(self, task: PlannedTask) -> bool:
        found: list[TaskRecord] = []
        self.known[task.name] = found
        for index, matrix in enumerate(self._apart(task)):
            record = self._record(task, index, matrix)
            if record is None:
                return False
            found.append(record)
            if task.repeat and not (record.status == "succeeded" and self._another(task, record)):
                break
        return True

    def _apart(self, task: PlannedTask) -> list[dict[str, Any]]:
        if self._verdict(task) and task.for_each is not None:
            return [{}]
        try:
            return task.instances(self._lookup({}))
        except (Absent, BadInput):
            return [{}]

    def _another(self, task: PlannedTask, record: TaskRecord) -> bool:
        with contextlib.suppress(Absent):
            return another_round(task, self._lookup({}), record)
        return False

    def _record(self, task: PlannedTask, index: int, matrix: dict[str, Any]) -> TaskRecord | None:
        record = _agreed(self.mine.get((task.name, index)), self.theirs.get((task.name, index)))
        if record is not None and record.status != "omitted":
            if self.told is None and _may_be_tried_again(task, record):
                return None
            return record.model_copy(update={"matrix": matrix}) if matrix and not record.matrix else record
        status = self._unstarted(task, matrix)
        if status is None:
            return None
        return TaskRecord(run=self.run.run, task=task.name, index=index, matrix=matrix, status=status)

    def _unstarted(self, task: PlannedTask, matrix: dict[str, Any]) -> Status | None:
        """Why an instance has no record; None when it may still get one."""
        if verdict := self._verdict(task):
            return verdict
        try:
            if not wanted(task, self._lookup(matrix)):
                return "skipped"
        except Absent:
            return "skipped"
        if self.told is None:
            return None
        return "cancelled" if self.told.status in ("cancelled", "gone") else "omitted"

    def _verdict(self, task: PlannedTask) -> Status | None:
        """What those before it make of a task; None when it could run."""
        before = {
            record.status
            for need in task.needs
            for record in self.known[need]
            if not (record.status == "failed" and self.plan.task(need).allow_failure)
        }
        if before & {"failed", "omitted", "cancelled"}:
            return "omitted"
        return "skipped" if "skipped" in before else None


def _may_be_tried_again(task: PlannedTask, record: TaskRecord) -> bool:
    """Whether a failure may be that of an attempt before the last."""
    if record.status != "failed" or task.retry is None or record.failure is None:
        return False
    codes = task.retry.exit_codes
    return record.failure.kind != "bad_input" and (codes is None or record.failure.exit_code in codes)
