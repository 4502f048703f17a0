"""One single-threaded loop that starts what can start and notes what ended."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...launching.attempt import Attempt, attempt, earlier_result
from ...launching.execute import Work
from ...launching.ingredients import ingredients, key_of
from ...launching.inputs import Absent, another_round, carried, lookup_in, resolve_inputs, wanted, with_known
from ...schemas import BadInput
from ...schemas.plan import Plan, PlannedTask
from ...schemas.record import Failure, RunRecord, TaskRecord
from ...schemas.template import Lookup, resolve
from ...storing import Store, StoreError
from .endings import failure_of, wait_before_retry
from .instances import Instance, Progress
from .questions import Questions
from .run import Observer, Options, Outcome
from .signals import Signals

if TYPE_CHECKING:
    from .workers import Worker, Workers


def new_run_name(workflow: str) -> str:
    """Sorts by time and is unique: ``motion-20260102-030405-1a2b3c``."""
    return f"{workflow}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"


class Run:
    """A plan being run."""

    def __init__(self, plan: Plan, store: Store, options: Options, observer: Observer) -> None:
        self.plan = plan
        self.store = store
        self.options = options
        self.observer = observer
        self.containers = options.containers
        self.name = new_run_name(plan.workflow)
        active = options.active if options.active is not None else {task.name for task in plan.tasks}
        self.progress = Progress(plan, set(active))
        self.selector = selectors.DefaultSelector()
        self.signals = Signals(self.selector)
        self.facts: dict[str, Any] | None = None
        """about the run, once its tasks have ended and what follows them may start"""
        self.workers: Workers | None = None
        """made when the first task runs: a run that the cache answers needs none"""
        self.workspace = Path()
        """theirs"""
        self.queue: list[Instance] = []
        self.running: dict[Worker, Instance] = {}
        self.later: list[tuple[float, Instance]] = []
        """attempts that wait for their back-off: due time, instance"""
        self.questions = Questions(plan, store, self.name)
        self.ended: list[tuple[TaskRecord, Instance]] = []
        """not yet written"""

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
        with self.selector, self.signals:
            try:
                self._loop()
                self._leave()
                self._account()
            finally:
                if self.workers:
                    self.workers.close()
        tasks = [one for name in self.progress.tasks for one in self.progress.of(name)]
        record = record.model_copy(
            update={"finished": time.time(), "status": self._status(tasks), "outputs": self._outputs()}
        )
        self.store.write_run(record)
        return Outcome(record, tasks, self.signals.caught)

    def _leave(self) -> None:
        """What follows the run, however it ended."""
        if not self.plan.on_exit or self.options.active is not None:
            return
        tasks = [one for name in self.progress.tasks for one in self.progress.of(name)]
        failed = sorted({one.task for one in tasks if one.status == "failed"})
        self.facts = {"id": self.name, "status": self._status(tasks), "failed": failed}
        self.progress.add(self.plan.on_exit)
        self._loop()

    @property
    def _stopping(self) -> bool:
        """A signal came, and what follows the run has not begun."""
        return bool(self.signals.caught) and self.facts is None

    def _status(self, tasks: list[TaskRecord]) -> str:
        if self.signals.caught:
            return "cancelled"
        bad = any(one.status == "failed" and not self.progress.tasks[one.task].allow_failure for one in tasks)
        return "failed" if bad else "succeeded"

    def _outputs(self) -> dict[str, Any]:
        lookup = self._lookup({})
        outputs = {}
        for name, template in self.plan.outputs.items():
            with contextlib.suppress(Absent, KeyError):
                outputs[name] = resolve(template, lookup)
        return outputs

    # --- the loop ---

    def _loop(self) -> None:
        while True:
            while self.progress.ready:
                self._open(self.progress.tasks[self.progress.ready.popleft()])
            self._start_waiting()
            for instance, outputs, failure in self.questions.answered():
                self._end(instance, "failed" if failure else "succeeded", outputs=outputs, failure=failure)
            if self.progress.ready:
                continue
            if not (self.running or self.queue or self.later or self.questions):
                return
            self._wait()

    def _open(self, task: PlannedTask) -> None:
        """A task whose needs have all ended: its instances are answered by the cache, queued, or will not run."""
        verdict = "cancelled" if self._stopping else self.progress.verdict(task)
        failure = None
        try:
            apart = [{}] if verdict and task.for_each is not None else task.instances(self._lookup({}))
        except Absent:
            verdict, apart = "skipped", [{}]
        except BadInput as error:
            verdict, apart = "failed", [{}]
            failure = Failure(kind="bad_input", message=str(error), exit_code=64)
        if task.repeat:
            apart = apart[:1]  # each round is opened when the one before it has ended
        self.progress.open(task.name, len(apart))
        for index, matrix in enumerate(apart):
            instance = Instance(task, index, matrix)
            if verdict:
                self._end(instance, verdict, failure=failure)
            else:
                self._consider(instance)

    def _lookup(self, matrix: dict[str, Any]) -> Lookup:
        known = {"parameters": self.plan.arguments, "matrix": matrix, "item": matrix.get("item"), "run": self.facts}
        return lookup_in(self.progress.of, self.progress.many, **known)

    def _consider(self, instance: Instance) -> None:
        task = instance.task
        step = self.plan.steps[task.step]
        lookup = self._lookup(instance.matrix)
        try:
            if not wanted(task, lookup):
                return self._end(instance, "skipped")
            if task.approve:
                self.questions.ask(instance, task.approve.timeout)
                return self.observer.asked(self.name, instance)
            if task.repeat:
                before = self.progress.of(task.name)
                lookup = with_known(lookup, "carried", carried(task, lookup, before[-1] if before else None))
            instance.inputs = resolve_inputs(task, lambda name: step.inputs[name].optional, lookup)
            versions = self.containers.versions_for(step) if self.containers else None
            instance.considered = time.time()
            instance.ingredients = ingredients(step, instance.inputs, self.options.base, versions)
        except Absent:
            return self._end(instance, "skipped")
        except BadInput as error:
            return self._end(instance, "failed", failure=Failure(kind="bad_input", message=str(error), exit_code=64))
        except StoreError as error:  # a server of external data, which is not the run's store
            return self._end(instance, "failed", failure=Failure(kind="store", message=str(error)))
        instance.key = key_of(instance.ingredients)
        if task.name not in self.options.force and (action := earlier_result(self.store, task, step, instance.key)):
            outputs, before = action["outputs"], action["run"]
            return self._end(instance, "succeeded", outputs=outputs, cached=True, from_run=before)
        if self.options.selected is not None and task.name not in self.options.selected:
            message = f"{task.name} is not in the cache and was not asked for; run without --only or --from, or up to it first"
            return self._end(instance, "failed", failure=Failure(kind="missing", message=message))
        self.queue.append(instance)
        return None

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
            if self.options.capacity.fits(instance.resources) and self._below_max_parallel(instance.task):
                self._start(instance)
            else:
                held.append(instance)
        self.queue = held

    def _below_max_parallel(self, task: PlannedTask) -> bool:
        return task.max_parallel is None or sum(one.task is task for one in self.running.values()) < task.max_parallel

    def _start(self, instance: Instance) -> None:
        if self.workers is None:
            from .supervisor import Duties
            from .workers import Workers

            self.workspace = self.store.workspace()
            clear = self.containers.clear if self.containers else None
            self.workers = Workers(Duties(self._perform, clear), self.workspace, self.selector)
        instance.log = self._log_of(instance)
        instance.started, instance.clock = time.time(), time.monotonic()
        self.options.capacity.take(instance.resources)
        self.observer.started(instance)
        job: dict[str, Any] = {
            "task": instance.task.name,
            "inputs": instance.inputs,
            "key": instance.key if instance.task.cache else None,
            "external": instance.ingredients["external"],
            "since": instance.considered,
            "log": str(instance.log),
            "timeout": instance.task.timeout,
        }
        preload = tuple(self.plan.steps[instance.task.step].preload)
        if self.containers:
            preload = ()
            needs = self.options.capacity.needs(instance.resources)
            job["room"] = self.containers.room(self.name, instance.label, instance.resources, *needs)
        self.running[self.workers.start(preload, job)] = instance

    def _log_of(self, instance: Instance) -> Path:
        """Where its log is written: in the store, or in the workspace until it is kept."""
        place = self.store.log_file(self.name, instance.task.name, instance.index)
        return place or self.workspace / f"{instance.task.name}.{instance.index}.log"

    def _perform(self, job: dict[str, Any]) -> dict[str, Any]:
        """In the task's own process, which knows no more than the run did when its server was forked."""
        task = next(one for one in (*self.plan.tasks, *self.plan.on_exit) if one.name == job["task"])
        work = Work(self.plan.steps[task.step], job["inputs"], Path(job["folder"]), self.options.base)
        replace = task.name in self.options.force or task.expires is not None
        about = Attempt(self.name, task.name, job["key"], replace, job["external"], job["since"])
        if self.containers is None:
            return attempt(work, about, self.store)
        do = self.containers.task(job)
        return {**attempt(work, about, self.store, do), "peak": do.peak}

    def _wait(self) -> None:
        """Until a task ends, a back-off is over, or a signal comes."""
        self._account()
        until = min(self.questions.look_again(), *(at for at, _ in self.later), math.inf)
        wait = None if until == math.inf else max(0.0, until - time.monotonic())
        for key, _ in self.selector.select(wait):
            if key.data is self.signals:
                self._signalled()
            elif self.workers and (answer := self.workers.collect(key.data)) and key.data in self.running:
                self._ended(self.running.pop(key.data), answer)

    def _signalled(self) -> None:
        self.signals.drain()
        if not self._stopping:
            return
        waiting = [*self.queue, *(instance for _, instance in self.later), *self.questions.withdraw()]
        self.queue, self.later = [], []
        for instance in waiting:
            self._end(instance, "cancelled")
        for worker in self.running:
            worker.stop()

    # --- ends ---

    def _ended(self, instance: Instance, answer: dict[str, Any]) -> None:
        self.options.capacity.give_back(instance.resources)
        failure = failure_of(answer, instance.task.timeout)
        peak = (answer["result"] or {}).get("peak", answer["peak"])
        if failure is None:
            result = answer["result"]
            self._end(
                instance, "succeeded", outputs=result["outputs"], not_kept=result.get("not_kept"), peak_memory=peak
            )
        elif self._stopping:
            self._end(instance, "cancelled", failure=failure)
        elif (wait := wait_before_retry(instance.task.retry, instance.attempt, failure)) is not None:
            self.observer.again(instance, failure, wait)
            instance.attempt += 1
            self.later.append((time.monotonic() + wait, instance))
        else:
            self._end(instance, "failed", failure=failure, peak_memory=peak)

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
        self.ended.append((record, instance))
        if status == "succeeded" and another_round(instance.task, self._lookup({}), record):
            self.progress.end(record, further=1)
            self._consider(Instance(instance.task, instance.index + 1, {"round": instance.index + 1}))
        else:
            self.progress.end(record)

    def _account(self) -> None:
        """Writes and tells what ended. What could start has been started: it works meanwhile."""
        for record, instance in self.ended:
            if self.store.root is None and instance.log and instance.log.is_file():
                self.store.put_log(record.run, record.task, record.index, instance.log)
            self.store.write_record(record)
            self.observer.ended(record, instance.label, instance.log)
        self.ended.clear()
