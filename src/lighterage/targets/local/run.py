"""The run: one single-threaded loop that starts what can start and notes what ended."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ... import __version__
from ...launching.attempt import Attempt, attempt, read_result
from ...launching.execute import Work, ended
from ...launching.failure import TaskFailure
from ...launching.ingredients import ingredients, key_of
from ...launching.inputs import Absent, lookup_in, resolve_inputs, wanted
from ...schemas import BadInput
from ...schemas.plan import Plan, PlannedTask
from ...schemas.record import ArtifactRef, Failure, RunRecord, TaskRecord
from ...schemas.template import resolve
from ...storing import Store
from .capacity import Capacity
from .instances import Instance, Progress
from .server import Server
from .supervisor import EXIT


class Observer(Protocol):
    """Is told what happens, in order."""

    def started(self, instance: Instance) -> None: ...

    def ended(self, record: TaskRecord, label: str, log: Path | None) -> None: ...

    def again(self, instance: Instance, failure: Failure, wait: float) -> None: ...


@dataclass(frozen=True)
class Options:
    """How to run a plan."""

    base: Path
    """folder of the workflow's file: relative paths start there"""
    capacity: Capacity
    force: frozenset[str] = frozenset()
    """tasks that run although the cache could answer"""
    active: frozenset[str] | None = None
    """tasks that take part; all where nothing is said"""
    selected: frozenset[str] | None = None
    """tasks that may run; the others that take part must be answered by the cache"""


@dataclass
class Outcome:
    """How a run ended."""

    record: RunRecord
    tasks: list[TaskRecord]
    signal: int | None = None
    """the signal that stopped it"""


def run_plan(plan: Plan, store: Store, options: Options, observer: Observer) -> Outcome:
    """Runs what is not in the cache and records everything. Raises StoreError when the store cannot be written."""
    return _Run(plan, store, options, observer).run()


def new_run_name(workflow: str) -> str:
    """Sorts by time and is unique: ``motion-20260102-030405-1a2b3c``."""
    return f"{workflow}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


@dataclass
class _Run:
    plan: Plan
    store: Store
    options: Options
    observer: Observer
    running: dict[int, Instance] = field(default_factory=dict)
    queue: list[Instance] = field(default_factory=list)
    later: list[tuple[float, Instance]] = field(default_factory=list)
    """attempts that wait for their back-off: due time, instance"""
    signal: int | None = None

    def __post_init__(self) -> None:
        self.name = new_run_name(self.plan.workflow)
        active = self.options.active if self.options.active is not None else {task.name for task in self.plan.tasks}
        self.progress = Progress(self.plan, set(active))
        self.servers: dict[tuple[str, ...], Server] = {}
        self.selector = selectors.DefaultSelector()
        self.numbers = 0
        self.workspace: Path | None = None

    def run(self) -> Outcome:
        record = RunRecord(
            run=self.name,
            workflow=self.plan.workflow,
            environment=self.plan.environment,
            arguments=self.plan.arguments,
            started=time.time(),
            status="running",
            engine=__version__,
        )
        self.store.write_plan(self.name, self.plan)
        self.store.write_run(record)
        handlers = self._catch_signals()
        try:
            self._loop()
        finally:
            for server in self.servers.values():
                server.close()
            self._release()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        tasks = [
            one for task in self.plan.tasks if task.name in self.progress.tasks for one in self.progress.of(task.name)
        ]
        record = record.model_copy(
            update={"finished": time.time(), "status": self._status(tasks), "outputs": self._outputs()}
        )
        self.store.write_run(record)
        return Outcome(record, tasks, self.signal)

    def _release(self) -> None:
        self.selector.close()
        signal.set_wakeup_fd(-1)
        for end in self._wake:
            os.close(end)
        for end in self.__dict__.pop("lifeline", ()):
            os.close(end)
        if self.workspace:
            shutil.rmtree(self.workspace, ignore_errors=True)

    def _status(self, tasks: list[TaskRecord]) -> str:
        if self.signal:
            return "cancelled"
        bad = any(one.status == "failed" and not self.progress.tasks[one.task].allow_failure for one in tasks)
        return "failed" if bad else "succeeded"

    def _outputs(self) -> dict[str, Any]:
        lookup = lookup_in(self.progress.of, self.progress.many, self.plan.arguments, {})
        outputs = {}
        for name, template in self.plan.outputs.items():
            try:
                outputs[name] = resolve(template, lookup)
            except (Absent, KeyError):
                continue
        return outputs

    # --- the loop ---

    def _loop(self) -> None:
        while True:
            while self.progress.ready:
                self._open(self.progress.tasks[self.progress.ready.popleft()])
            self._start_waiting()
            if not (self.running or self.queue or self.later):
                return
            self._wait()

    def _open(self, task: PlannedTask) -> None:
        """A task whose needs have all ended: its instances are answered by the cache, queued, or will not run."""
        combinations = task.instances()
        self.progress.sizes[task.name] = len(combinations)
        for index, matrix in enumerate(combinations):
            instance = Instance(task, index, matrix)
            verdict = "cancelled" if self.signal else self.progress.verdict(task)
            if verdict:
                self._end(instance, verdict)
            else:
                self._consider(instance)

    def _consider(self, instance: Instance) -> None:
        task = instance.task
        step = self.plan.steps[task.step]
        lookup = lookup_in(self.progress.of, self.progress.many, self.plan.arguments, instance.matrix)
        try:
            if not wanted(task, lookup):
                return self._end(instance, "skipped")
            instance.inputs = resolve_inputs(task, lambda name: step.inputs[name].optional, lookup)
            instance.ingredients = ingredients(step, instance.inputs, self.options.base)
        except Absent:
            return self._end(instance, "skipped")
        except BadInput as error:
            return self._end(instance, "failed", failure=Failure(kind="bad_input", message=str(error), exit_code=64))
        instance.key = key_of(instance.ingredients)
        action = self._cached(task, instance.key)
        if action:
            outputs, before = action["outputs"], action["run"]
            return self._end(instance, "succeeded", outputs=outputs, cached=True, from_run=before)
        if self.options.selected is not None and task.name not in self.options.selected:
            message = f"{task.name} is not in the cache and was not asked for; run without --only or --from, or up to it first"
            return self._end(instance, "failed", failure=Failure(kind="missing", message=message))
        self.queue.append(instance)
        return None

    def _cached(self, task: PlannedTask, key: str) -> dict[str, Any] | None:
        """An earlier result that may be used: young enough, and its artifacts are there."""
        if not task.cache or task.name in self.options.force:
            return None
        action = self.store.find_action(key)
        if action is None or (task.expires is not None and time.time() - action["created"] > task.expires):
            return None
        ports = self.plan.steps[task.step].outputs
        artifacts = [value for name, value in action["outputs"].items() if ports[name].is_artifact]
        return action if all(self.store.has(ArtifactRef.model_validate(one)) for one in artifacts) else None

    def _start_waiting(self) -> None:
        now = time.monotonic()
        due = [instance for at, instance in self.later if at <= now]
        self.later = [(at, instance) for at, instance in self.later if at > now]
        self.queue = due + self.queue
        held = []
        for position, instance in enumerate(self.queue):
            if self.options.capacity.slots <= 0:
                held += self.queue[position:]
                break
            if self.options.capacity.fits(instance.task.resources) and self._below_max_parallel(instance.task):
                self._start(instance)
            else:
                held.append(instance)
        self.queue = held

    def _below_max_parallel(self, task: PlannedTask) -> bool:
        return task.max_parallel is None or sum(one.task is task for one in self.running.values()) < task.max_parallel

    def _start(self, instance: Instance) -> None:
        self.numbers += 1
        number = self.numbers
        if self.workspace is None:
            self.workspace = self.store.workspace()
            self.lifeline = os.pipe()
        instance.folder = self.workspace / str(number)
        instance.folder.mkdir()
        instance.log = self.store.log_file(self.name, instance.task.name, instance.index) or instance.folder / "log"
        instance.started, instance.clock = time.time(), time.monotonic()
        self.options.capacity.take(instance.task.resources)
        self.running[number] = instance
        self.observer.started(instance)
        self._server(instance).start(
            number,
            {
                "task": instance.task.name,
                "inputs": instance.inputs,
                "key": instance.key if instance.task.cache else None,
                "folder": str(instance.folder),
                "log": str(instance.log),
                "timeout": instance.task.timeout,
            },
        )

    def _server(self, instance: Instance) -> Server:
        preload = tuple(self.plan.steps[instance.task.step].preload)
        if preload not in self.servers:
            assert self.workspace is not None
            log = self.workspace / f"server-{len(self.servers)}.log"
            server = self.servers[preload] = Server(preload, self._perform, log, self.lifeline)
            self.selector.register(server.socket, selectors.EVENT_READ, preload)
        return self.servers[preload]

    def _perform(self, job: dict[str, Any]) -> int:
        """In the task's own process."""
        task = self.progress.tasks[job["task"]]
        work = Work(self.plan.steps[task.step], job["inputs"], Path(job["folder"]), self.options.base)
        about = Attempt(
            self.name, task.name, job["key"], replace=task.name in self.options.force or task.expires is not None
        )
        return attempt(work, about, self.store)

    def _wait(self) -> None:
        """Until a task ends, a back-off is over, or a signal comes."""
        wait = min((at for at, _ in self.later), default=None)
        for key, _ in self.selector.select(None if wait is None else max(0.0, wait - time.monotonic())):
            if key.data is None:
                self._signalled()
                continue
            server = self.servers[key.data]
            done = server.done()
            if done is None:
                self._server_died(key.data)
            for number in done or ():
                self._ended(number)

    def _server_died(self, preload: tuple[str, ...]) -> None:
        """The kernel's choice when memory runs out may fall on the server; its tasks failed with it."""
        server = self.servers.pop(preload)
        self.selector.unregister(server.socket)
        server.close()
        for number, instance in list(self.running.items()):
            if tuple(self.plan.steps[instance.task.step].preload) == preload:
                self._ended(number)

    # --- ends ---

    def _ended(self, number: int) -> None:
        instance = self.running.pop(number)
        assert instance.folder is not None
        self.options.capacity.give_back(instance.task.resources)
        outputs, failure = read_result(instance.folder)
        how = _exit_of(instance.folder)
        if outputs is None or how["reason"]:
            failure = self._why(instance, how, failure)
        shutil.rmtree(instance.folder, ignore_errors=True)
        if failure is None:
            self._end(instance, "succeeded", outputs=outputs or {}, peak_memory=how["peak"])
        elif self.signal:
            self._end(instance, "cancelled", failure=failure)
        elif (wait := self._wait_before_retry(instance, failure)) is not None:
            self.observer.again(instance, failure, wait)
            instance.attempt += 1
            self.later.append((time.monotonic() + wait, instance))
        else:
            self._end(instance, "failed", failure=failure, peak_memory=how["peak"])

    @staticmethod
    def _why(instance: Instance, how: dict[str, Any], told: Failure | None) -> Failure:
        if how["reason"] == "timeout":
            return Failure(
                kind="timeout", message=f"the step did not end within {instance.task.timeout:g} s", exit_code=124
            )
        if how["reason"] == "stopped":
            return Failure(kind="signal", message="the run was stopped", signal="SIGTERM")
        if told:
            return told
        failure: TaskFailure = ended(how["code"])
        return failure.failure

    @staticmethod
    def _wait_before_retry(instance: Instance, failure: Failure) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        retry = instance.task.retry
        if retry is None or instance.attempt > retry.limit or failure.kind in ("bad_input", "missing"):
            return None
        if retry.exit_codes is not None and failure.exit_code not in retry.exit_codes:
            return None
        return min(retry.backoff * retry.factor ** (instance.attempt - 1), retry.max)

    def _end(self, instance: Instance, status: str, **facts: Any) -> None:
        record = TaskRecord.model_validate(
            {
                "run": self.name,
                "task": instance.task.name,
                "index": instance.index,
                "matrix": instance.matrix,
                "status": status,
                "attempt": instance.attempt,
                "key": instance.key,
                "ingredients": instance.ingredients,
                "started": instance.started or None,
                "seconds": time.monotonic() - instance.clock if instance.clock else 0.0,
                **facts,
            }
        )
        self.store.write_record(record)
        self.progress.end(record)
        self.observer.ended(record, instance.label, instance.log)

    # --- signals ---

    def _catch_signals(self) -> dict[int, Any]:
        """Signals wake the loop through a pipe; the first one stops the run, a second one ends it at once."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._wake = read, write
        self.selector.register(read, selectors.EVENT_READ, None)
        return {
            number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }

    def _caught(self, number: int, _: Any) -> None:
        if self.signal:
            os._exit(128 + number)  # the lifeline closes, and supervisors end their tasks
        self.signal = number

    def _signalled(self) -> None:
        os.read(self._wake[0], 512)
        if not self.signal:
            return
        waiting: Sequence[Instance] = [*self.queue, *(instance for _, instance in self.later)]
        self.queue, self.later = [], []
        for instance in waiting:
            self._end(instance, "cancelled")
        for number, instance in self.running.items():
            self._server(instance).stop(number)


def _exit_of(folder: Path) -> dict[str, Any]:
    """How a task's process ended; as if killed when not even its supervisor could tell."""
    try:
        return json.loads((folder / EXIT).read_text())
    except (OSError, ValueError):
        return {"code": -int(signal.SIGKILL), "reason": None, "peak": None}
