"""How a run on a cluster ended, worked out from what its pods recorded and what the cluster still knows."""

from __future__ import annotations

from typing import Any

import pytest

from lighterage.catalog.shipped import shipped
from lighterage.planning import plan_workflow
from lighterage.reading import read_document
from lighterage.recording.settling import Told, settle, start_again
from lighterage.schemas.record import Failure, RunRecord, TaskRecord
from lighterage.storing import Store, open_store
from tests.conftest import Project

RUN = "flow-x7k2p.0b7c1f5e-0000-4000-8000-000000000000"
TASKS = """\
    a: {uses: ./add, with: {value: 1}}
    many: {uses: ./add, with: {value: "${matrix.n}"}, matrix: {n: [1, 2]}}
    tried: {uses: ./add, with: {value: 1}, retry: {limit: 2, exit_codes: [1]}}
    b: {uses: ./add, with: {value: "${a.result}"}, when: "${a.result} > 5"}
    c: {uses: ./add, with: {value: "${b.result}"}}
    """
HEAD = 'outputs: {end: "${a.result}"}\n'


class Run:
    """A run whose pods have written some records."""

    def __init__(self, project: Project, store: Store) -> None:
        self.store = store
        flow = project.folder / project.workflow(TASKS, HEAD)
        planned = plan_workflow(read_document(flow), read_document(shipped("environments") / "laptop.yaml"), {})
        assert planned.plan is not None, planned.found
        self.record = RunRecord(
            run=RUN, workflow="flow", environment="cluster", started=100.0, status="running", engine="0"
        )
        store.write_plan(RUN, planned.plan)
        store.write_run(self.record)

    def pods(self, **statuses: str) -> Run:
        for label, status in statuses.items():
            task, _, index = label.partition("_")
            self.store.write_record(_record(task, int(index or 0), status))
        return self

    def settled(self, told: Told | None) -> tuple[str, dict[str, str]]:
        """How the whole ended, and each instance; as a later reader finds it."""
        settle(self.store, self.record, told)
        run = self.store.read_run(RUN)
        assert run is not None
        return run.status, {f"{one.task}_{one.index}": one.status for one in self.store.records(RUN)}


def _record(task: str, index: int, status: str, **more: Any) -> TaskRecord:
    facts: dict[str, Any] = {"outputs": {"result": 2}} if status == "succeeded" else {}
    if status == "failed":
        facts["failure"] = Failure(kind="exit", message="it said so itself", exit_code=1)
    return TaskRecord.model_validate(
        {"run": RUN, "task": task, "index": index, "status": status, "started": 110.0, "seconds": 5.0, **facts, **more}
    )


@pytest.fixture
def run(adding: Project, request: pytest.FixtureRequest) -> Run:
    return Run(adding, open_store(f"memory://settling/{adding.folder.name}"))


DONE = {"a": "succeeded", "many_0": "succeeded", "many_1": "succeeded", "tried": "succeeded"}
IDLE = {"b_0": "skipped", "c_0": "skipped"}


def _labels(records: dict[str, str]) -> dict[str, str]:
    return {label if "_" in label else f"{label}_0": status for label, status in records.items()}


def test_records_of_all_are_enough_without_a_cluster(run: Run) -> None:
    assert run.pods(**DONE).settled(None) == ("succeeded", _labels(DONE) | IDLE)
    record = run.store.read_run(RUN)
    assert record is not None and (record.finished, record.outputs) == (115.0, {"end": 2})


@pytest.mark.parametrize("missing", ["a", "many_1", "tried"])
def test_without_a_cluster_a_run_goes_on_while_something_may_come(run: Run, missing: str) -> None:
    pods = {label: status for label, status in DONE.items() if label != missing}
    assert run.pods(**pods).settled(None)[0] == "running"


def test_a_failure_that_may_be_tried_again_is_no_end(run: Run) -> None:
    assert run.pods(**DONE | {"tried": "failed"}).settled(None)[0] == "running"
    assert run.pods(many_1="failed", tried="succeeded").settled(None)[0] == "failed"


def test_what_a_killed_pod_could_not_write_the_cluster_tells(run: Run) -> None:
    killed = _record("a", 0, "failed", failure=Failure(kind="timeout", message="too long"))
    pods = {label: status for label, status in DONE.items() if label != "a"}
    status, tasks = run.pods(**pods).settled(Told("failed", 200.0, records=[killed]))
    assert (status, tasks["a_0"], tasks["b_0"], tasks["c_0"]) == ("failed", "failed", "omitted", "omitted")
    record = run.store.read_record(RUN, "a")
    assert record is not None and record.failure is not None and record.failure.message == "too long"


def test_a_pod_that_failed_after_its_record_has_failed(run: Run) -> None:
    late = _record("many", 1, "failed", failure=Failure(kind="error", message="its outputs were lost"))
    status, tasks = run.pods(**DONE).settled(Told("failed", 200.0, records=[late]))
    assert (status, tasks["many_1"]) == ("failed", "failed")


def test_a_pods_own_account_of_its_failure_says_more(run: Run) -> None:
    told = _record("tried", 0, "failed", failure=Failure(kind="exit", message="main: Error (exit code 1)"))
    run.pods(**DONE | {"tried": "failed"}).settled(Told("failed", 200.0, records=[told]))
    record = run.store.read_record(RUN, "tried")
    assert record is not None and record.failure is not None and record.failure.message == "it said so itself"


def test_a_run_that_the_cluster_forgot_did_not_succeed(run: Run) -> None:
    status, tasks = run.pods(a="succeeded").settled(Told("gone"))
    assert (status, tasks["tried_0"], tasks["c_0"]) == ("cancelled", "cancelled", "skipped")


def test_a_run_without_a_plan_takes_the_clusters_word(run: Run) -> None:
    other = run.record.model_copy(update={"run": RUN.replace("x7k2p", "other")})
    run.store.write_run(other)
    assert settle(run.store, other, None).status == settle(run.store, other, Told("gone")).status == "running"
    ended = settle(run.store, other, Told("failed", 200.0, "no node has a GPU"))
    assert (ended.status, ended.finished, ended.reason) == ("failed", 200.0, "no node has a GPU")
    assert run.store.read_run(other.run) == ended


def test_what_has_ended_is_not_asked_again(run: Run) -> None:
    run.pods(**DONE).settled(Told("succeeded", 200.0))
    ended = run.store.read_run(RUN)
    assert ended is not None and settle(run.store, ended, Told("failed", 300.0)) == ended


def test_trying_again_forgets_how_the_first_try_ended(run: Run) -> None:
    failed = _record("a", 0, "failed")
    run.pods(**DONE | {"a": "failed"}).settled(Told("failed", 200.0, "it failed", records=[failed]))
    ended = run.store.read_run(RUN)
    assert ended is not None
    run.record = start_again(run.store, ended)
    assert (run.record.status, run.record.finished, run.record.reason) == ("running", None, "")
    assert run.settled(None)[0] == "running"
    assert run.pods(a="succeeded").settled(Told("succeeded", 300.0)) == ("succeeded", _labels(DONE) | IDLE)
