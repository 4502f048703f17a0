"""What a model reaches on rows it has not seen."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput


def evaluate(*, model: Model, data: Dataset, metrics: Metrics, threads: int) -> dict[str, Any]:
    """Writes the metrics. Raises BadInput for rows prepared otherwise or of other classes."""
    about, columns = model.about(), data.read()
    inputs, labels = model.inputs_from(columns), columns.label()
    if columns.classes != about["classes"]:
        raise BadInput(f"the model knows the classes {about['classes']}, but the data has {columns.classes}")
    if not len(labels):
        raise BadInput("there are no rows to measure on")
    predicted = predict(model, inputs, threads)
    if bad := int((~np.isfinite(predicted)).any(axis=1).sum()):
        raise BadInput(f"the model's outputs are not finite numbers for {bad} of {len(labels)} rows")
    if about["classes"]:
        measured, (score, loss) = classification(predicted, labels, about["classes"]), ("accuracy", "loss")
    else:
        measured, (score, loss) = regression(predicted[:, 0], labels), ("r2", "mse")
    metrics.write({"rows": len(labels), **measured})
    return {"accuracy": measured[score], "loss": measured[loss], "rows": len(labels)}


def predict(model: Model, inputs: np.ndarray, threads: int) -> np.ndarray:
    """The outputs, ``(rows, outputs)``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return model.keras().predict(inputs, batch_size=256, verbose=0).astype(np.float64)


def classification(predicted: np.ndarray, labels: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Rows of the confusion matrix are the truth, columns what was predicted."""
    count = len(classes)
    pairs = labels * count + predicted.argmax(axis=1)
    confusion = np.bincount(pairs, minlength=count * count).reshape(count, count)
    hits = np.diag(confusion)
    precision, recall = _share(hits, confusion.sum(axis=0)), _share(hits, confusion.sum(axis=1))
    f1 = _share(2 * precision * recall, precision + recall)
    chosen = np.clip(predicted[np.arange(len(labels)), labels], 1e-7, 1.0)
    return {
        "accuracy": float(hits.sum() / len(labels)),
        "loss": float(-np.log(chosen).mean()),
        "macro_f1": float(f1.mean()),
        "classes": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
            for name, p, r, f, n in zip(classes, precision, recall, f1, confusion.sum(axis=1), strict=True)
        },
        "confusion": confusion.tolist(),
    }


def regression(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    errors = labels - predicted
    spread = ((labels - labels.mean()) ** 2).sum()
    return {
        "mse": float((errors**2).mean()),
        "mae": float(np.abs(errors).mean()),
        "r2": float(1 - (errors**2).sum() / spread) if spread else 0.0,
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
