"""`lighterage reproduce RUN`"""

from __future__ import annotations

import gc
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from .. import __version__
from ..diagnostics import Missing
from ..launching.failure import TaskFailure
from ..recording.reproduction import (
    Apart,
    Comparison,
    OtherCode,
    Redone,
    changes,
    compare,
    plan_of,
    redone,
    with_code_of_then,
)
from ..recording.runs import records_of
from ..schemas import BadInput
from ..schemas.environment import Capacity
from ..schemas.plan import Plan, PlannedStep
from ..schemas.record import RunRecord, TaskRecord
from ..schemas.tree import code_digest
from ..storing import Store, open_store
from ..targets.local import Options, machine, run_plan
from .loading import json_option
from .progress import Failures
from .stores import environment_of, store_options, the_run
from .talk import print_json, table


@click.command()
@click.argument("run", default="latest")
@click.option("--task", metavar="TASK", help="Only this task, all its instances.")
@click.option("--base", type=click.Path(file_okay=False, path_type=Path), help="The workflow's folder. Default: here.")
@click.option("--with-other-code", is_flag=True, help="Go on where a step's code is not what it was.")
@click.option("--jobs", "-j", type=click.IntRange(1, 1024), help="Most tasks at one time.")
@store_options
@json_option
def command(
    run: str,
    task: str | None,
    base: Path | None,
    with_other_code: bool,
    jobs: int | None,
    environment: str | None,
    store: str | None,
    form: str,
) -> int:
    """Run a run's tasks again on this machine, without the cache, and compare every output with what is recorded.

    Each task gets the inputs that it had then, so that one that differs does not make others differ. Nothing in the
    store changes. Exit code 0 when all outputs are equal, 1 when one is not.
    """
    opened = open_store(store or environment_of(environment).store.url, create=False, forks=True)
    found = the_run(opened, run)
    plan = opened.read_plan(found.run)
    if plan is None:
        raise click.UsageError(f"the plan of {found.run} is not in the store, so nobody knows what to do again")
    if found.engine != __version__:
        click.echo(f"not as it was: lighterage {found.engine} then, {__version__} now", err=True)
    here = (base or Path()).absolute()
    workspace = opened.workspace()
    try:
        again = _again(plan, records_of(opened, found), task, found)
        steps = _steps(plan, again, here, opened, workspace, with_other_code)
        told = do_again(plan, again, steps, opened, here, workspace, jobs)
    except BadInput as error:
        raise click.UsageError(str(error)) from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    if form == "json":
        print_json(told.as_json(found.run))
    else:
        told.show(found.run)
    return 128 + told.signal if told.signal else 0 if told.equal else 1


class Told(NamedTuple):
    """What came of doing it again."""

    outputs: list[Comparison]
    changed: dict[str, list[str]]
    """what is not as it was -> tasks"""
    wavering: list[str]
    """steps that gave something else for the same"""
    failed: dict[str, str]
    """tasks that fail by now -> why"""
    signal: int | None

    @property
    def equal(self) -> bool:
        return all(one.equal for one in self.outputs) and not self.failed

    def show(self, run: str) -> None:
        """Prints a table of outputs, and what they come to."""
        click.echo(table([self._row(one) for one in self.outputs], ("task", "output", "result")))
        for step in self.wavering:
            click.echo(
                f"{step} is not deterministic: the same code, inputs and libraries, and another result", err=True
            )
        compared = [one for one in self.outputs if not (one.measured and one.equal)]
        bad = sum(not one.equal for one in compared)
        click.echo(f"{run}: {len(compared) - bad} of {len(compared)} outputs equal", err=True)

    def _row(self, one: Comparison) -> tuple[str, str, str]:
        if one.equal:
            return one.label, one.output, "measured" if one.measured else "equal"
        if one.label in self.failed:
            return one.label, one.output, f"failed: {self.failed[one.label]}"
        return one.label, one.output, f"{_short(one.then)} then, {_short(one.now or 'nothing')} now"

    def as_json(self, run: str) -> dict[str, Any]:
        """The same as data."""
        return {
            "run": run,
            "equal": self.equal,
            "changed": self.changed,
            "outputs": [
                {
                    "task": one.label,
                    "output": one.output,
                    "then": one.then,
                    "now": one.now,
                    "equal": one.equal,
                    "measured": one.measured,
                }
                for one in self.outputs
            ],
            "failed": self.failed,
            "not_deterministic": self.wavering,
        }


def do_again(
    plan: Plan,
    again: Sequence[Redone],
    steps: dict[str, PlannedStep],
    store: Store,
    base: Path,
    workspace: Path,
    jobs: int | None = None,
) -> Told:
    """Does instances again, beside each other, with what is new kept in ``workspace``. Raises BadInput."""
    changed: dict[str, list[str]] = defaultdict(list)
    same = set()
    for one in again:
        found = changes(one, steps[one.task.step], base)
        for change in found:
            changed[change].append(one.label)
        if not found:
            same.add(one.label)
    for change, labels in changed.items():
        click.echo(f"not as it was: {change} ({', '.join(labels[:5])}{' …' if len(labels) > 5 else ''})", err=True)
    apart = Apart(store, open_store(str(workspace / "again")))
    gc.freeze()
    gc.enable()
    outcome = run_plan(plan_of(plan, again, steps), apart, Options(base, machine(Capacity(), jobs)), _Failures())
    now = {record.task: record for record in outcome.tasks}
    outputs = [pair for one in again for pair in compare(one, now.get(one.task.name), plan.steps[one.task.step])]
    failed = {
        one.label: _why(record)
        for one in again
        if (record := now.get(one.task.name)) is None or record.status != "succeeded"
    }
    differ = {pair.label for pair in outputs if not pair.equal} - failed.keys()
    wavering = {plan.steps[one.task.step].uses for one in again if one.label in differ & same}
    return Told(outputs, dict(changed), sorted(wavering), failed, outcome.signal)


def twice(plan: Plan, tasks: Sequence[TaskRecord], store: Store, base: Path, jobs: int | None) -> Told:
    """Does what a run that has just ended did itself, and did not find in the cache, once more."""
    again = [one for one in redone(plan, tasks) if not one.then.cached]
    workspace = store.workspace()
    try:
        return do_again(plan, again, dict(plan.steps), store, base, workspace, jobs)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _why(record: TaskRecord | None) -> str:
    if record is None:
        return "it was not done"
    return record.failure.message.splitlines()[0] if record.failure else record.status


class _Failures(Failures):
    """Says what failed; its log is not kept."""

    def failed(self, record: TaskRecord, label: str, lines: Sequence[str], options: str = "") -> None:
        name, _, index = record.task.rpartition(".")
        self.say(f"✗ {name}[{index}]: {_why(record)}")
        for line in lines:
            self.say(f"  | {line}")


def _again(plan: Plan, records: Sequence[TaskRecord], task: str | None, run: RunRecord) -> list[Redone]:
    if task is not None and task not in {one.name for one in plan.tasks}:
        raise click.UsageError(
            f"{run.run} has no task {task!r}; there are: {', '.join(one.name for one in plan.tasks)}"
        )
    again = list(redone(plan, records, task))
    if not again:
        raise click.UsageError(f"nothing of {task or run.run} succeeded, so there is nothing to compare with")
    return again


def _steps(
    plan: Plan, again: Sequence[Redone], base: Path, store: Store, workspace: Path, with_other_code: bool
) -> dict[str, PlannedStep]:
    """The steps with their code. Raises Missing where it is not that of then, and none other is wanted."""
    steps = {}
    for name in dict.fromkeys(one.task.step for one in again):
        step = plan.steps[name]
        try:
            steps[name] = with_code_of_then(step, base, store, workspace)
        except OtherCode as error:
            if error.folder is None:
                raise Missing(f"{error}; say where the workflow's folder is with --base") from None
            if not with_other_code:
                raise Missing(f"{error}; --with-other-code runs what is there") from None
            steps[name] = step.model_copy(update={"folder": error.folder, "code": code_digest(error.folder)})
        except TaskFailure as error:
            raise Missing(str(error)) from None
    return steps


def _short(text: str) -> str:
    return text if len(text) <= 71 else text[:70] + "…"
