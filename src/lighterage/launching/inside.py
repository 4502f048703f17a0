"""A Python step in a container: `python3 -m lighterage.launching.inside FOLDER`.

Whoever started the container has put the inputs in the folder and takes the outputs from there: in here there is no store
and there are no credentials.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..schemas.plan import PlannedStep
from ..schemas.tree import code_digest
from ..storing import StoreError
from .artifacts import Artifact, kind_of
from .attempt import explain
from .code import package_folder
from .execute import Work, call_function, checked_values
from .failure import TaskFailure

MODULE = __name__
_CALL, _RETURNED = "call.json", "returned.json"


def write_call(work: Work, inputs: dict[str, Any]) -> None:
    """What is to be called, for `main` in the container. ``inputs`` are values and artifacts; these are staged here."""
    call = {
        "step": work.step.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "code": [str(work.step.folder), str(work.step.written or work.step.folder)] if work.step.own else None,
        "inputs": {name: _told(value) for name, value in inputs.items()},
    }
    (work.folder / _CALL).write_text(json.dumps(call), encoding="utf-8")


def _told(value: Any) -> Any:
    if isinstance(value, Artifact):
        return {"path": str(value.path), "type": value.type, "digest": value.digest, "size": value.size}
    return [_told(one) for one in value] if isinstance(value, list) else value


def main(folder: Path) -> None:
    """Calls the step's function; its values, or why it failed, go to a file."""
    call = json.loads((folder / _CALL).read_text(encoding="utf-8"))
    step = PlannedStep.model_validate(call["step"])
    if call["code"]:
        step = step.model_copy(update=dict(zip(("folder", "written"), map(Path, call["code"]), strict=True)))
    try:
        told = {"values": _values(Work(step, {}, folder), call["inputs"])}
    except (TaskFailure, StoreError) as error:  # a step may read a bucket of its own
        failed = error if isinstance(error, TaskFailure) else TaskFailure("store", str(error))
        explain(failed)
        told = {"failure": failed.failure.model_dump(mode="json")}
    (folder / _RETURNED).write_text(json.dumps({**told, "peak": _peak()}), encoding="utf-8")


def _values(work: Work, inputs: dict[str, Any]) -> dict[str, Any]:
    step = work.step
    if not step.own and code_digest(package_folder(step) or Path()) != step.code:
        raise TaskFailure("missing", f"the image has other code of {step.uses} than was planned: build the image anew")
    artifacts = {name for name, port in step.inputs.items() if port.is_artifact}
    given = {name: _artifacts(value) if name in artifacts else value for name, value in inputs.items()}
    return checked_values(step, call_function(work, given))


def _artifacts(told: Any) -> Any:
    if isinstance(told, list):
        return [_artifacts(one) for one in told]
    return kind_of(told["type"])(told["path"], type=told["type"], digest=told["digest"], size=told["size"])


def _peak() -> int:
    """Bytes of memory that this process, or one that it started, had at most."""
    import resource

    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def read_returned(folder: Path) -> tuple[dict[str, Any] | TaskFailure, int] | None:
    """Values or the failure, and the peak of memory in bytes; None where the container did not come to its end."""
    try:
        told = json.loads((folder / _RETURNED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "failure" in told:
        return TaskFailure(**told["failure"], told=True), told["peak"]
    return told["values"], told["peak"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
