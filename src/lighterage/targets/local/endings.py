"""What a supervisor's answer means: done, failed and why, or worth another attempt."""

from __future__ import annotations

from typing import Any

from ...launching.execute import ended
from ...schemas.plan import PlannedRetry
from ...schemas.record import Failure


def failure_of(answer: dict[str, Any], timeout: float | None) -> Failure | None:
    """Why an attempt failed; None when it did not. ``timeout`` is the task's, in seconds."""
    if answer["reason"] == "timeout":
        return Failure(kind="timeout", message=f"the step did not end within {timeout:g} s", exit_code=124)
    if answer["reason"] == "stopped":
        return Failure(kind="signal", message="the run was stopped", signal="SIGTERM")
    result = answer["result"]
    if result is None:
        return ended(answer["code"]).failure
    return Failure.model_validate(result["failure"]) if "failure" in result else None


def wait_before_retry(retry: PlannedRetry | None, attempt: int, failure: Failure) -> float | None:
    """Seconds until the attempt after this one; None when there is none."""
    if retry is None or attempt > retry.limit or failure.kind in ("bad_input", "missing"):
        return None
    if retry.exit_codes is not None and failure.exit_code not in retry.exit_codes:
        return None
    return min(retry.backoff * retry.factor ** (attempt - 1), retry.max)
