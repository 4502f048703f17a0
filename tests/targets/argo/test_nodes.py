"""What Argo's own account of a run is read as. The answers are those of a real run: see tests/cli/test_clusters.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lighterage.targets.argo.nodes import counts, failure_of, instances, records_of, status_of
from lighterage.targets.argo.retrying import mended

ANSWERS = Path(__file__).parent / "answers"


def answer(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text())
    return found


def states(workflow: dict[str, Any]) -> dict[str, str]:
    return {f"{one.task}[{one.index}]": one.state for one in instances(workflow)}


ENDED = {
    "x[0]": "succeeded",
    "many[0]": "succeeded",
    "many[1]": "succeeded",
    "list[0]": "succeeded",
    "each[0]": "succeeded",
    "each[1]": "succeeded",
    "rounds[0]": "succeeded",
    "rounds[1]": "succeeded",
    "ask[0]": "succeeded",
    "tried[0]": "failed",
    "slow[0]": "failed",
    "after[0]": "omitted",
    "no[0]": "skipped",
    "beyond[0]": "omitted",
    "on-exit-1[0]": "succeeded",
}


def test_every_task_is_seen_once_however_argo_nests_it() -> None:
    assert states(answer("ended")) == ENDED
    assert counts(answer("ended")) == {"each": 2}
    assert status_of(answer("ended")) == "failed"


def test_a_question_waits_for_a_person() -> None:
    running = answer("running")
    assert states(running)["ask[0]"] == "asking" and status_of(running) == "running"


def test_attempts_are_one_instance_with_the_pod_of_the_last() -> None:
    [tried] = [one for one in instances(answer("ended")) if one.task == "tried"]
    pods = {key for key, node in answer("ended")["status"]["nodes"].items() if node["displayName"] == "tried(1)"}
    assert tried.attempt == 2 and tried.pod is not None
    assert {f"every-x7k2p-{tried.pod.rpartition('-')[2]}"} == pods


def test_what_a_pod_that_was_killed_could_not_say() -> None:
    [slow] = [one for one in records_of(answer("ended"), "r") if one.task == "slow"]
    assert slow.failure is not None and slow.failure.kind == "timeout" and slow.seconds > 0


def test_a_run_that_was_stopped_did_not_fail() -> None:
    stopped = answer("ended")
    stopped["spec"]["shutdown"] = "Stop"
    nodes = stopped["status"]["nodes"].values()
    next(one for one in nodes if one["displayName"] == "slow")["message"] = "workflow shutdown with strategy:  Stop"
    found = {one.task: one.status for one in records_of(stopped, "r")}
    assert (status_of(stopped), found["slow"], found["tried"]) == ("cancelled", "cancelled", "failed")


def test_what_was_under_way_when_the_whole_broke_has_failed_with_its_reason() -> None:
    broken = answer("running")
    broken["status"] |= {"phase": "Error", "message": "workflow is longer than maximum allowed size"}
    [ask] = [one for one in records_of(broken, "r") if one.task == "ask"]
    assert ask.status == "failed" and ask.failure is not None and "maximum allowed size" in ask.failure.message


@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ("Pod was active on the node longer than the specified deadline", "timeout", 124),
        ("main: OOMKilled (exit code 137)", "signal", 137),
        ("main: Error (exit code 3)", "exit", 3),
        ("Failed to pull image registry.test/engine:1", "missing", None),
        ("pod deleted", "error", None),
        ("", "error", None),
    ],
)
def test_why_a_node_failed(message: str, kind: str, code: int | None) -> None:
    failure = failure_of(message)
    assert (failure.kind, failure.exit_code) == (kind, code) and failure.message


def _after_retry(before: dict[str, Any], gone: str) -> dict[str, Any]:
    """As `argo retry` leaves it: all groups run again, and one node is gone."""
    after: dict[str, Any] = json.loads(json.dumps(before))
    nodes = after["status"]["nodes"]
    for key in [key for key, node in nodes.items() if node["displayName"] == gone]:
        del nodes[key]
    for node in nodes.values():
        if node["type"] in ("DAG", "TaskGroup"):
            node |= {"phase": "Running", "finishedAt": None}
    return after


def test_groups_that_hold_nothing_to_run_again_are_ended_as_they_were() -> None:
    before = answer("ended")
    patch = mended(before, _after_retry(before, "slow"))
    assert patch is not None
    ended = {before["status"]["nodes"][key]["name"] for key in patch["status"]["nodes"]}
    assert {"every-x7k2p.ask", "every-x7k2p.many", "every-x7k2p.rounds"} <= ended
    assert "every-x7k2p" not in ended
    assert mended(before, before) is None


def test_a_group_that_holds_what_runs_again_goes_on() -> None:
    before = answer("ended")
    patch = mended(before, _after_retry(before, "keep"))
    assert patch is not None
    ended = {before["status"]["nodes"][key]["name"] for key in patch["status"]["nodes"]}
    assert "every-x7k2p.ask" not in ended and "every-x7k2p.many" in ended
