"""The launcher of a pod: `python -m lighterage.launching --store URL --run NAME --spec JSON [--index N] [--parameter n=v]…`.

Finds its inputs in the records of the tasks before it, answers from the cache where it can, does the work otherwise, and
records. Exit codes: 0 done, 64 bad input, 4 the store cannot be used, else the step's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import __version__
from ..schemas import BadInput
from ..schemas.contract import typed
from ..schemas.plan import PlannedApproval, PlannedStep, TaskSpec, canonical
from ..schemas.record import Failure, RunRecord, TaskRecord
from ..schemas.template import Lookup
from ..storing import Store, StoreError, open_store
from .approval import outcome
from .arguments import decoded, parameters_of, whole
from .attempt import Attempt, Do, attempt, earlier_result, exit_code_of
from .delivery import with_code
from .execute import Work, execute
from .failure import BAD_INPUT
from .ingredients import ingredients, key_of
from .inputs import Absent, another_round, carried, lookup_in, resolve_inputs, wanted, with_known
from .pod import AGAIN, APPROVED, LAST, NO, YES
from .printed import keep, kept
from .staging import LOG, TASK, bring_program, external_before, stage_in, stage_out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lighterage.launching", description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--spec", required=True, type=whole)
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", type=whole)
    parser.add_argument("--encoded-parameter", action="append", default=[], metavar="NAME=BASE64", type=whole)
    parser.add_argument("--answer", action="append", default=[], metavar="NAME=BASE64", type=whole, help="a person's")
    parser.add_argument("--ended", metavar="STATUS", help="how the run ended that this task follows, in Argo's words")
    parser.add_argument("--outputs", type=Path, help="folder for the values, a file each")
    parser.add_argument("--workspace", type=Path, help="folder to work in")
    parser.add_argument("--code", choices=["store", "image"], default="store", help="where the user's own steps are")
    parser.add_argument(
        "--stage", choices=["in", "out"], help="only what comes before a program in another image, or after"
    )
    options = parser.parse_args(arguments)
    try:
        return _Launch(options).launch()
    except BadInput as error:
        print(f"bad input: {error}", file=sys.stderr)
        return BAD_INPUT
    except StoreError as error:
        print(f"store: {error}", file=sys.stderr)
        return 4


class _Launch:
    def __init__(self, options: argparse.Namespace) -> None:
        spec = json.loads(options.spec)
        self.options = options
        self.task = TaskSpec.model_validate(spec["task"])
        self.step = PlannedStep.model_validate(spec["step"])
        self.fan_in: dict[str, int | str | None] = spec.get("fan_in", {})
        """how many instances the tasks before have: a number; null for one; `each`, or `last` of them, where a run decides"""
        given = [*options.parameter, *map(decoded, options.encoded_parameter)]
        self.parameters = parameters_of(spec.get("parameters", {}), given)
        self.store: Store = open_store(options.store)
        self.workflow, self.environment = spec["workflow"], spec["environment"]
        self.matrix: dict[str, Any] = {}
        self.facts: dict[str, Any] | None = None
        self.before: dict[str, list[TaskRecord]] = {}
        self.begun, self.clock = time.time(), time.monotonic()

    def launch(self) -> int:
        if self.options.stage == "in":
            bring_program(self.options.workspace)
        self._begin_run()
        try:
            return self._launch()
        except BadInput as error:
            print(f"bad input: {error}", file=sys.stderr)
            failure = Failure(kind="bad_input", message=str(error), exit_code=BAD_INPUT)
            return self._record("failed", BAD_INPUT, failure=failure)

    def _begin_run(self) -> None:
        """A run that nobody but Argo was told of gets its record from the first of its pods."""
        record = RunRecord(
            run=self.options.run,
            workflow=self.workflow,
            environment=self.environment,
            started=self.begun,
            status="running",
            engine=__version__,
        )
        self.store.begin_run(record)

    def _launch(self) -> int:
        try:
            self.matrix = self.task.instances(self._lookup({}))[self.options.index]
            lookup = self._lookup(self.matrix)
            if self._skipped_before() or not wanted(self.task, lookup):
                return self._record("skipped")
            if self.task.approve:
                return self._answered(self.task.approve)
            if self.task.repeat:
                lookup = with_known(lookup, "carried", carried(self.task, lookup, self._round_before()))
            inputs = resolve_inputs(self.task, lambda name: self.step.inputs[name].optional, lookup)
        except Absent:
            return self._record("skipped")
        found = ingredients(self.step, inputs, None)
        key = key_of(found)
        facts: dict[str, Any] = {"key": key, "ingredients": found}
        if action := earlier_result(self.store, self.task, self.step, key):
            return self._record("succeeded", outputs=action["outputs"], cached=True, from_run=action["run"], **facts)
        return self._work(inputs, key, facts)

    def _round_before(self) -> TaskRecord | None:
        index: int = self.options.index
        return self.store.read_record(self.options.run, self.task.name, index - 1) if index else None

    def _answered(self, approval: PlannedApproval) -> int:
        said = dict(decoded(one).partition("=")[::2] for one in self.options.answer)
        approved = said.pop(APPROVED, None)
        ports = self.step.outputs
        values = {name: typed(ports[name], text) for name, text in said.items() if text or ports[name].type == "string"}
        answer = None if approved is None else {"approved": approved == YES, "values": values}
        outputs, failure = outcome(approval, ports, answer)
        return self._record("failed" if failure else "succeeded", 1 if failure else 0, outputs=outputs, failure=failure)

    def _work(self, inputs: dict[str, Any], key: str, facts: dict[str, Any]) -> int:
        if not self.options.stage:
            with tempfile.TemporaryDirectory(dir=self.options.workspace, prefix="task-") as folder:
                return self._attempted(Work(self.step, inputs, Path(folder)), key, facts, self._execute)
        work = Work(self.step, inputs, self.options.workspace / TASK)
        if self.options.stage == "out":
            return self._attempted(work, key, facts, stage_out)
        work.folder.mkdir()
        stage_in(work, self.store, self._with_code, facts["ingredients"]["external"])
        return 0

    def _attempted(self, work: Work, key: str, facts: dict[str, Any], do: Do) -> int:
        published = key if self.task.cache else None
        replace, external = self.task.expires is not None, facts["ingredients"]["external"]
        if self.options.stage:
            external = external_before(work, external)
        about = Attempt(self.options.run, self.task.name, published, replace, external, self.begun)
        if self.options.stage:
            result = attempt(work, about, self.store, do)
            keep(self.store, about.run, about.task, self.options.index, work.folder / LOG)
        else:
            with kept(self.store, about.run, about.task, self.options.index):
                result = attempt(work, about, self.store, do)
        return self._record("failed" if "failure" in result else "succeeded", exit_code_of(result), **result, **facts)

    def _execute(self, work: Work, store: Store) -> dict[str, Any]:
        return execute(self._with_code(work), store)

    def _with_code(self, work: Work) -> Work:
        store = self.store if self.options.code == "store" else None
        return work._replace(step=with_code(work.step, store, work.folder))

    def _skipped_before(self) -> bool:
        """Whether a pod before this one did nothing. To the orchestrator it succeeded."""
        return any(record.status == "skipped" for name in self.fan_in for record in self._records(name))

    def _lookup(self, matrix: dict[str, Any]) -> Lookup:
        known = {"parameters": self.parameters, "matrix": matrix, "item": matrix.get("item"), "run": self._facts()}
        return lookup_in(self._records, lambda name: self.fan_in.get(name) not in (None, LAST), **known)

    def _facts(self) -> dict[str, Any] | None:
        """About the run that has ended; a pod that could not write its record is not among those that failed."""
        if self.options.ended is None:
            return None
        if self.facts is None:
            failed = {one.task for one in self.store.records(self.options.run) if one.status == "failed"}
            status = "succeeded" if self.options.ended == "Succeeded" else "failed"
            self.facts = {"id": self.options.run, "status": status, "failed": sorted(failed)}
        return self.facts

    def _records(self, task: str) -> list[TaskRecord]:
        if task not in self.before:
            count = self.fan_in.get(task)
            if isinstance(count, str):
                found = self.store.records(self.options.run, task)
                self.before[task] = sorted(found, key=lambda record: record.index)
            else:
                each = (self.store.read_record(self.options.run, task, index) for index in range(count or 1))
                self.before[task] = [record for record in each if record is not None]
        return self.before[task]

    def _record(self, status: str, code: int = 0, **facts: Any) -> int:
        record = TaskRecord.model_validate(
            {
                "run": self.options.run,
                "task": self.task.name,
                "index": self.options.index,
                "matrix": self.matrix,
                "status": status,
                "started": self.begun,
                "seconds": time.monotonic() - self.clock,
                **facts,
            }
        )
        if self.options.stage == "in":
            return 0  # what comes after says so, and what comes between finds nothing to do
        self.store.write_record(record)
        if self.options.outputs:
            self._show(record)
        return code

    def _show(self, record: TaskRecord) -> None:
        """Values and artifacts' addresses as files, where Argo reads output parameters."""
        self.options.outputs.mkdir(parents=True, exist_ok=True)
        if self.task.repeat and record.status == "succeeded":
            another = another_round(self.task, self._lookup({}), record)
            (self.options.outputs / AGAIN).write_text(YES if another else NO)
        for name, port in self.step.outputs.items():
            if name in record.outputs:
                value = record.outputs[name]
                shown = value["digest"] if isinstance(value, dict) and port.is_artifact else value
                (self.options.outputs / name).write_text(
                    shown if isinstance(shown, str) else canonical(shown), encoding="utf-8"
                )
                if isinstance(value, list):
                    (self.options.outputs / f"{name}-count").write_text(str(len(value)))


if __name__ == "__main__":
    sys.exit(main())
