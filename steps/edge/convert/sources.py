"""What can be converted, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lighterage.launching.artifacts import Model
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

from .export import Exported

ROUTES = {
    "keras": "Keras -> SavedModel with a batch of one -> TFLiteConverter.from_saved_model, built-in operators",
    "saved_model": "SavedModel -> the same with a batch of one -> TFLiteConverter.from_saved_model, built-in operators",
}


def kind_of_source(folder: Path) -> str:
    """``keras`` or ``saved_model``. Raises BadInput for other folders."""
    if (folder / "architecture.json").is_file():
        return "keras"
    if (folder / "saved_model.pb").is_file():
        return "saved_model"
    raise BadInput(
        "this folder is neither a Keras model (architecture.json, model.weights.h5) nor a SavedModel (saved_model.pb)"
    )


def describe(kind: str, model: Model, columns: Columns, exported: Exported) -> tuple[dict[str, Any], list[str]]:
    """What a device must know, and which of it was assumed: a bare SavedModel says nothing of classes and preprocessing."""
    if (model.path / "model.json").is_file():
        return model.about(), []
    outputs = exported.outputs.shape[-1]
    if columns.classes and len(columns.classes) != outputs:
        raise BadInput(f"the data has {len(columns.classes)} classes, but the model {outputs} outputs")
    about = {
        "task": "classification" if columns.classes else "regression",
        "input": {"shape": list(exported.input_shape), "dtype": "float32"},
        "outputs": outputs,
        "classes": columns.classes,
        "features": columns.named("feature"),
        "label": next(iter(columns.named("label")), None),
        "rate_hz": columns.rate_hz,
        "preprocessing": columns.preprocessing,
        "source": columns.source,
        "parameters": exported.parameters,
    }
    assumed = ["classes and their order", "features", "preprocessing", "source", "task"]
    print(f"the SavedModel has no model.json; taken from the data: {', '.join(assumed)}", flush=True)
    return about, [f"{one}: as the data has it" for one in assumed]
