"""One float32 file from a trained model, made twice, and held against its source before anybody gets it."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.launching.child import Crashed, Refused, run_in_child
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

from .export import Exported, export
from .proofs import prove
from .sources import ROUTES, describe, kind_of_source

FORMAT = "lighterage/tflite/1"
MADE_WITH = ("ai-edge-litert", "keras", "tensorflow")


def convert(
    *, model: Model, data: Dataset, tflite: Model, report: Metrics, rows: int, tolerance: float, timeout: float
) -> dict[str, int]:
    """Writes the model and the report. Raises BadInput for a model that cannot be converted or a file that is not its equal."""
    kind = kind_of_source(model.path)
    columns = data.read()
    chosen = pick_rows(model, columns, rows)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.tflite", Path(folder) / "second.tflite"
        exported: Exported = _attempt("the conversion", timeout, export, kind, model.path, chosen, first)
        _attempt("the second conversion", timeout, export, kind, model.path, chosen[:1], second)
        content = first.read_bytes()
        if content != second.read_bytes():
            raise BadInput(f"converted twice, it gives two files: {digest(content)} and {digest(second.read_bytes())}")
    about, assumed = describe(kind, model, columns, exported)
    proven = _attempt("the proof", timeout, prove, content, chosen, exported, bool(about["classes"]), tolerance)
    made = {
        "kernel_values": exported.kernel_values,
        "made_with": {name: version(name) for name in MADE_WITH},
    }
    tensors = proven.pop("tensors")
    told = {"format": FORMAT, "variant": "float32", "tensors": tensors, "calibration": None}
    write_model(tflite.path, content, about | told | made)
    source = {"parameters": about["parameters"], "assumed": assumed}
    file = measured(content) | {"conversions": 2, **tensors}
    report.write({"route": ROUTES[kind], "rows": len(chosen), "source": source, "file": file, **proven, **made})
    return {"size": len(content)}


def pick_rows(model: Model, columns: Columns, wanted: int) -> np.ndarray:
    """Rows spread evenly over the data, float32. Raises BadInput where there are none, or none that fit the model."""
    known = (model.path / "model.json").is_file()
    inputs = model.inputs_from(columns) if known else columns.inputs()
    if not len(inputs):
        raise BadInput("there are no rows to compare answers on")
    return inputs[np.unique(np.linspace(0, len(inputs) - 1, min(wanted, len(inputs))).astype(int))]


def measured(content: bytes) -> dict[str, Any]:
    """Bytes of the file, as it is and as downloads are compressed."""
    compressed = len(gzip.compress(content, 9, mtime=0))
    return {"size": len(content), "size_gzip": compressed, "digest": digest(content)}


def write_model(folder: Path, content: bytes, about: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(content)
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _attempt(what: str, timeout: float, function: Any, *arguments: Any) -> Any:
    """What the function returns, from a process of its own. A crash may heal, so it is no bad input; a refusal is."""
    try:
        return run_in_child(function, *arguments, timeout=timeout)
    except Refused as refusal:
        raise BadInput(str(refusal)) from None
    except Crashed as crash:
        raise RuntimeError(f"{what} to TFLite failed: {crash}") from None
