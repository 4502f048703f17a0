"""Fits a Keras model and keeps it in a form whose bytes depend on nothing but the inputs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

from .architectures import BUILDERS, build_from_code

FORMAT = "lighterage/keras/1"


def train(
    *,
    train: Dataset,
    model: Model,
    metrics: Metrics,
    architecture: str,
    units: list[int],
    kernel_size: int,
    dropout: float,
    function: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    threads: int,
    validation: Dataset | None = None,
    code: str | None = None,
) -> dict[str, float]:
    """Writes the model of the epoch with the lowest validation loss, and what it reached."""
    columns = train.read()
    inputs, labels = columns.inputs(), checked_label(columns)
    held_out = None if validation is None else rows_like(columns, validation.read())
    start_keras(seed, threads)
    outputs = len(columns.classes) or 1
    if code is not None:
        network = build_from_code(code, function, inputs.shape[1:], outputs, units)
    else:
        network = BUILDERS[architecture](inputs.shape[1:], outputs, units, kernel_size, dropout)
    compile_network(network, bool(columns.classes), learning_rate)
    history = fit(network, (inputs, labels), held_out, epochs, batch_size, patience)
    judged = held_out or (inputs, labels)
    loss, score = measure(network, *judged, columns.classes)
    about = describe(network, columns, inputs)
    save(network, about, model.path)
    metrics.write(
        {
            "loss": loss,
            "accuracy" if columns.classes else "r2": score,
            "measured_on": "validation" if held_out else "train",
            "rows": len(judged[0]),
            "parameters": about["parameters"],
            "epochs": len(history["loss"]),
            "history": history,
        }
    )
    return {"accuracy": score, "loss": loss}


def checked_label(columns: Columns) -> np.ndarray:
    """The label to learn. Raises BadInput where there is nothing to tell apart."""
    label = columns.label()
    if not columns.rows:
        raise BadInput("there are no training rows")
    if columns.classes and len(np.unique(label)) < 2:
        only = columns.classes[int(label[0])]
        raise BadInput(f"all training rows are of the class {only!r}; two classes are needed")
    if not np.isfinite(label).all():
        raise BadInput(f"the label of row {np.flatnonzero(~np.isfinite(label))[0]} is not a finite number")
    return label


def rows_like(columns: Columns, others: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of other rows. Raises BadInput when they are not of the same kind."""
    for what, ours, theirs in (
        ("features", columns.named("feature"), others.named("feature")),
        ("classes", columns.classes, others.classes),
        ("preprocessing", columns.preprocessing, others.preprocessing),
    ):
        if ours != theirs:
            raise BadInput(f"training and validation rows do not have the same {what}: {ours} and {theirs}")
    if not others.rows:
        raise BadInput("there are no validation rows")
    return others.inputs(), others.label()


def start_keras(seed: int, threads: int) -> None:
    """Pins what a result depends on besides the inputs. The thread count can be set once in a process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.clear_session()  # layer names count up from here, whatever the process built before
    keras.utils.set_random_seed(seed)


def compile_network(network: Any, classes: bool, learning_rate: float) -> None:
    import keras

    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy" if classes else "mean_squared_error",
        metrics=["accuracy"] if classes else [],
    )


def fit(
    network: Any,
    data: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray] | None,
    epochs: int,
    batch_size: int,
    patience: int,
) -> dict[str, list[float]]:
    """Trains, keeps the best weights, and gives the history by epoch."""
    import keras

    best = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", patience=patience or epochs, restore_best_weights=True
    )
    history = network.fit(
        *data,
        validation_data=held_out,
        epochs=epochs,
        batch_size=batch_size,
        verbose=2,
        callbacks=[keras.callbacks.TerminateOnNaN()] + ([best] if held_out else []),
    ).history
    if not np.isfinite(history["loss"]).all():
        raise BadInput("the loss became infinite; a smaller learning_rate or standardized features may help")
    return {name: [float(value) for value in values] for name, values in history.items()}


def measure(network: Any, inputs: np.ndarray, labels: np.ndarray, classes: list[str]) -> tuple[float, float]:
    """Loss, and the share of rows right (R² of a regression)."""
    predicted = network.predict(inputs, batch_size=256, verbose=0).astype(np.float64)
    if classes:
        chosen = np.clip(predicted[np.arange(len(labels)), labels], 1e-7, 1.0)
        return float(-np.log(chosen).mean()), float((predicted.argmax(axis=1) == labels).mean())
    errors = labels - predicted[:, 0]
    spread = float(((labels - labels.mean()) ** 2).sum())
    return float((errors**2).mean()), float(1 - (errors**2).sum() / spread) if spread else 0.0


def describe(network: Any, columns: Columns, inputs: np.ndarray) -> dict[str, Any]:
    """What whoever uses the model must know."""
    return {
        "format": FORMAT,
        "task": "classification" if columns.classes else "regression",
        "input": {"shape": list(inputs.shape[1:]), "dtype": "float32"},
        "outputs": int(network.output_shape[-1]),
        "classes": columns.classes,
        "features": columns.named("feature"),
        "label": columns.named("label")[0],
        "rate_hz": columns.rate_hz,
        "preprocessing": columns.preprocessing,
        "source": columns.source,
        "parameters": int(network.count_params()),
    }


def save(network: Any, about: dict[str, Any], folder: Path) -> None:
    """Three files without dates and generated names; the `.keras` form holds both."""
    folder.mkdir(parents=True)
    architecture = json.dumps(json.loads(network.to_json()), indent=1, sort_keys=True)
    (folder / "architecture.json").write_text(architecture + "\n", encoding="utf-8")
    network.save_weights(folder / "model.weights.h5")
    described = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / "model.json").write_text(described + "\n", encoding="utf-8")
