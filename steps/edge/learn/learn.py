"""From a trained model to one that goes on learning where it is used."""

from __future__ import annotations

import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.edge.learner import FORMAT
from lighterage.edge.packing import stable_arrays
from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.launching.child import Crashed, Refused, run_in_child
from lighterage.schemas import BadInput

from .export import export
from .proof import prove

MADE_WITH = ("ai-edge-litert", "keras", "tensorflow")


def learn(
    *,
    model: Model,
    data: Dataset,
    learner: Model,
    report: Metrics,
    layers: int,
    batch: int,
    rate: float,
    epochs: int,
    golden_rows: int,
    seed: int,
    timeout: float,
) -> dict[str, Any]:
    """Writes the learner. Raises BadInput for a model that cannot, and where the proof fails."""
    about = model.about()
    rows, labels = judged(model, about, data)
    described = {**about, "format": FORMAT, "learner": {"layers": layers, "batch": batch, "rate": rate}}
    described["made_with"] = {name: version(name) for name in MADE_WITH}
    order = np.random.default_rng(seed).permutation(len(rows))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        expected = child("the conversion", export, model.path, rows, layers, batch, file, timeout=timeout)
        content = file.read_bytes()
    described["files"] = {"model.tflite": entry(content)}
    proven, golden = child(
        "the proof", prove, described, content, rows[order], labels[order], expected[order], epochs, golden_rows, seed,
        timeout=timeout,
    )  # fmt: skip
    arrays = stable_arrays(golden)
    described["files"]["golden.npz"] = entry(arrays)
    learner.path.mkdir(parents=True)
    (learner.path / "model.tflite").write_bytes(content)
    (learner.path / "golden.npz").write_bytes(arrays)
    text = json.dumps(described, indent=1, ensure_ascii=False)
    (learner.path / "model.json").write_text(text + "\n", encoding="utf-8")
    report.write({**proven, "size": len(content), "made_with": described["made_with"]})
    return {"size": len(content), "accuracy": proven["learning"]["accuracy_after"]}


def judged(model: Model, about: dict[str, Any], data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Rows and the numbers of their classes. Raises BadInput where the model and they do not fit, or are too few."""
    columns = data.read()
    if not about["classes"]:
        raise BadInput("the model tells a quantity; only classes can be learned on a device so far")
    if columns.classes != about["classes"]:
        raise BadInput(f"the model knows the classes {about['classes']}, but the data {columns.classes}")
    rows, labels = model.inputs_from(columns), columns.label()
    if len(rows) < 20:
        raise BadInput(f"{len(rows)} rows are too few: one half is learned, the other one judges")
    return rows, labels


def child(what: str, function: Any, *arguments: Any, timeout: float) -> Any:
    """What it returns in a process of its own. Raises BadInput where it refuses, RuntimeError where the process died."""
    try:
        return run_in_child(function, *arguments, timeout=timeout)
    except Refused as refusal:
        raise BadInput(str(refusal)) from None
    except Crashed as crash:
        raise RuntimeError(f"{what} failed: {crash}") from None


def entry(content: bytes) -> dict[str, Any]:
    """Digest and size of a file."""
    return {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}
