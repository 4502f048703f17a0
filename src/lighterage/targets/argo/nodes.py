"""What Argo knows of a run: the nodes of its Workflow as instances of tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from ...schemas.record import Failure, TaskRecord
from .containers import PROGRAM
from .dag import ENTRYPOINT, SHARD
from .exits import ON_EXIT

State = Literal["waiting", "running", "asking", "succeeded", "failed", "skipped", "omitted"]
STATES: dict[str, State] = {
    "": "waiting",
    "Pending": "waiting",
    "Running": "running",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Error": "failed",
    "Skipped": "skipped",
    "Omitted": "omitted",
}
_TIMEOUT = "longer than the specified deadline"
_STOPPED = re.compile(r"shutdown|stopped|terminated", re.IGNORECASE)
_EXIT_CODE = re.compile(r"exit code (\d+)")


@dataclass(frozen=True)
class Seen:
    """One instance of a task."""

    task: str
    index: int
    state: State
    """asking: it waits for a person"""
    started: float | None
    """seconds since 1970"""
    finished: float | None
    message: str
    attempt: int
    node: str
    """id of the node that asks or runs"""
    pod: str | None
    """name of the pod of its last attempt"""
    container: str = "main"
    """that of its containers where the step's program runs"""

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "running", "asking")


def instances(workflow: dict[str, Any]) -> list[Seen]:
    """Every instance that Argo has begun, or knows it will not begin, in the order of their beginnings."""
    found: dict[tuple[str, int], Seen] = {}
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    whole: list[Seen] = []
    for node in sorted(nodes.values(), key=lambda node: (node.get("startedAt") or "", node["id"])):
        told = _told(node)
        if _is_attempt(node):
            continue
        if node["type"] in ("Pod", "Retry") and "index" in told:
            seen = _work(workflow["metadata"]["name"], node, nodes, told)
            found[seen.task, seen.index] = seen
        elif node["type"] == "Suspend":
            seen = _question(node, nodes[node["boundaryID"]])
            if seen.state != "succeeded":  # then a pod keeps the answer
                found.setdefault((seen.task, seen.index), seen)
        elif _is_task(node, nodes) and STATES[node.get("phase", "")] in ("skipped", "omitted", "failed"):
            whole.append(_seen(node, node["displayName"], 0))
    begun = {seen.task for seen in found.values()}
    return [*found.values(), *(seen for seen in whole if seen.task not in begun)]


def counts(workflow: dict[str, Any]) -> dict[str, int]:
    """Task -> how many instances it has, where a run decided that."""
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    told = (_told(node) for node in nodes.values())
    return {json.loads(one["task"])["name"]: int(one["count"]) for one in told if one.get("count", "").isdigit()}


def status_of(workflow: dict[str, Any]) -> Literal["running", "succeeded", "failed", "cancelled"]:
    """How the run is, in a run record's words."""
    phase = (workflow.get("status") or {}).get("phase", "")
    if phase == "Succeeded":
        return "succeeded"
    if phase not in ("Failed", "Error"):
        return "running"
    return "cancelled" if workflow["spec"].get("shutdown") else "failed"


def finished_at(workflow: dict[str, Any]) -> float | None:
    """Seconds since 1970; None while it runs."""
    return _time((workflow.get("status") or {}).get("finishedAt"))


def message_of(workflow: dict[str, Any]) -> str:
    """What Argo says of the whole."""
    return (workflow.get("status") or {}).get("message", "")


def records_of(workflow: dict[str, Any], run: str) -> Iterator[TaskRecord]:
    """The instances of a Workflow that has ended, as records: they stand in for what killed pods could not write."""
    for seen in instances(workflow):
        yield record_of(seen, workflow, run)


def record_of(seen: Seen, workflow: dict[str, Any], run: str) -> TaskRecord:
    """An instance that ended, or whose Workflow did."""
    state: str = seen.state
    failure = failure_of(seen.message) if state == "failed" else None
    stopped = bool(workflow["spec"].get("shutdown"))
    if stopped and (not seen.ended or (failure and _STOPPED.search(seen.message))):
        state, failure = "cancelled", None
    elif not seen.ended:  # the whole ended under it
        state, failure = "failed", failure_of(message_of(workflow))
    worked = seen.pod is not None and seen.started is not None
    return TaskRecord.model_validate(
        {
            "run": run,
            "task": seen.task,
            "index": seen.index,
            "status": state,
            "attempt": seen.attempt,
            "started": seen.started if worked else None,
            "seconds": (seen.finished or seen.started) - seen.started if worked and seen.started else 0.0,
            "failure": failure,
        }
    )


def failure_of(message: str) -> Failure:
    """Why a node failed, from Argo's sentence about it."""
    code = _EXIT_CODE.search(message)
    said = message or "the pod ended without a word"
    if _TIMEOUT in message:
        return Failure(kind="timeout", message="the step did not end within its time limit", exit_code=124)
    if "OOMKilled" in message:
        return Failure(
            kind="signal",
            message="the step was killed by SIGKILL: it used more memory than it asked for; ask for more `memory`, or use less",
            exit_code=137,
            signal="SIGKILL",
        )
    if "image" in message.lower() and code is None:
        return Failure(kind="missing", message=said)
    return Failure(kind="exit" if code else "error", message=said, exit_code=int(code[1]) if code else None)


def _work(name: str, node: dict[str, Any], nodes: dict[str, Any], told: dict[str, str]) -> Seen:
    """A pod's instance. What is tried several times is a node of its own with a pod for each attempt."""
    attempts = [nodes[one] for one in node.get("children") or () if one in nodes and _is_attempt(nodes[one])]
    last = attempts[-1] if node["type"] == "Retry" and attempts else node
    seen = _seen(node, json.loads(told["task"])["name"], int(told["index"]))
    template = last.get("templateName") or (last.get("templateRef") or {}).get("template")
    pod = f"{name}-{template}-{last['id'].rpartition('-')[2]}" if last["type"] == "Pod" else None
    several = any(one["type"] == "Container" and one.get("boundaryID") == last["id"] for one in nodes.values())
    return replace(
        seen,
        message=last.get("message", ""),
        attempt=max(1, len(attempts)) if last is not node else 1,
        pod=pod,
        container=PROGRAM if several else "main",
    )


def _question(node: dict[str, Any], asking: dict[str, Any]) -> Seen:
    seen = _seen(node, json.loads(_told(asking)["task"])["name"], 0)
    return replace(seen, state="asking") if seen.state == "running" else seen


def _seen(node: dict[str, Any], task: str, index: int) -> Seen:
    return Seen(
        task=task,
        index=index,
        state=STATES[node.get("phase", "")],
        started=_time(node.get("startedAt")),
        finished=_time(node.get("finishedAt")),
        message=node.get("message", ""),
        attempt=1,
        node=node["id"],
        pod=None,
    )


def _told(node: dict[str, Any]) -> dict[str, str]:
    """A node's inputs: those of a task hold its name."""
    given = (node.get("inputs") or {}).get("parameters") or ()
    return {one["name"]: one.get("value", "") for one in given}


def _is_attempt(node: dict[str, Any]) -> bool:
    return bool((node.get("nodeFlag") or {}).get("retried"))


def _is_task(node: dict[str, Any], nodes: dict[str, Any]) -> bool:
    """Whether it stands right in the workflow's graph, and is no part of it."""
    around = nodes.get(node.get("boundaryID", ""))
    return around is not None and _is_graph(around) and not _is_graph(node)


def _is_graph(node: dict[str, Any]) -> bool:
    template = node.get("templateName") or (node.get("templateRef") or {}).get("template", "")
    return template in (ENTRYPOINT, ON_EXIT) or re.fullmatch(rf"{SHARD}\d+", template) is not None


def _time(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
