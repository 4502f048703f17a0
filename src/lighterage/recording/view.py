"""Records as the command line prints them."""

from __future__ import annotations

from typing import Any

from ..schemas.record import ArtifactRef, TaskRecord
from ..storing import Store


def record_as_json(record: TaskRecord, store: Store) -> dict[str, Any]:
    """The contract of `run -o json` and `show -o json` for one instance."""
    outputs = {name: _output(value, store) for name, value in record.outputs.items()}
    told: dict[str, Any] = {
        "task": record.task,
        "index": record.index,
        "status": record.status,
        "cached": record.cached,
        "seconds": round(record.seconds, 3),
        "outputs": outputs,
    }
    if record.matrix:
        told["matrix"] = record.matrix
    if record.failure:
        told["failure"] = record.failure.model_dump(exclude_none=True)
    if record.not_kept:
        told["not_kept"] = record.not_kept
    return told


def is_artifact(value: Any) -> bool:
    """Whether a recorded output is an artifact's reference rather than a value."""
    return (
        isinstance(value, dict)
        and value.keys() == set(ArtifactRef.model_fields)
        and str(value["digest"]).startswith("sha256:")
    )


def _output(value: Any, store: Store) -> Any:
    if isinstance(value, list):
        return [_output(one, store) for one in value]
    if not is_artifact(value):
        return value
    return {
        "type": value["type"],
        "uri": store.uri(ArtifactRef.model_validate(value)),
        "digest": value["digest"],
        "size": value["size"],
    }
