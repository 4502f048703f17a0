"""What `argo retry` leaves to be done.

It sets back every group of nodes on the way to a failed one, also groups that come before it and have ended: a matrix, a
wrapper, a question. The controller looks at a group again only if something right behind it is to run; where a finished
task lies between, the group, and so the run, would stay `Running` for ever (Argo Workflows 4.1.2).
"""

from __future__ import annotations

from typing import Any

_GROUPS = ("DAG", "TaskGroup", "Steps", "StepGroup")


def mended(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
    """A merge patch that ends the groups which hold nothing to run; None where there are none.

    ``before`` and ``after`` are the Workflow as it was and as `argo retry` left it.
    """
    was, now = before["status"]["nodes"], (after["status"].get("nodes") or {})
    again = [node["name"] for key, node in was.items() if _begins_again(node, now.get(key))]
    ended = {
        key: {"phase": was[key]["phase"], "finishedAt": was[key].get("finishedAt"), "outputs": was[key].get("outputs")}
        for key, node in now.items()
        if node["type"] in _GROUPS
        and node.get("phase") == "Running"
        and was.get(key, {}).get("phase") in ("Succeeded", "Skipped")
        and not any(name.startswith((f"{node['name']}.", f"{node['name']}(")) for name in again)
    }
    return {"status": {"nodes": ended}} if ended else None


def _begins_again(node: dict[str, Any], now: dict[str, Any] | None) -> bool:
    """Whether what is no group is gone, or has been set back."""
    return node["type"] not in _GROUPS and (now is None or now.get("phase") != node.get("phase"))
