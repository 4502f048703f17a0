"""One row at a time through a compiled function of Keras's model and through its TFLite file, in turns: prints microseconds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from lighterage.edge.runtime import Runtime
from lighterage.launching.artifacts import Model
from lighterage.launching.columns import read_columns

TURNS, CALLS = 30, 20


def main(model: str, tflite: str, rows: str) -> None:
    inputs = Model(model).inputs_from(read_columns(Path(rows)))[:TURNS]
    contenders = {"tf_function": _compiled(Path(model)), "litert": _runtime(Path(tflite))}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        for row in inputs:
            call(row[None])  # compiled, warm
    for row in inputs:
        for name, call in contenders.items():
            times[name] += [_seconds(call, row[None]) for _ in range(CALLS)]
    print(json.dumps({name: median(seconds) * 1e6 for name, seconds in times.items()}))


def _compiled(folder: Path) -> Callable[[np.ndarray], Any]:
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = keras.models.model_from_json((folder / "architecture.json").read_text(encoding="utf-8"))
    network.load_weights(folder / "model.weights.h5")
    function = tf.function(lambda row: network(row, training=False))
    return lambda row: function(tf.constant(row)).numpy()


def _runtime(folder: Path) -> Callable[[np.ndarray], Any]:
    runtime = Runtime((folder / "model.tflite").read_bytes())
    return runtime.outputs


def _seconds(call: Callable[[np.ndarray], Any], row: np.ndarray) -> float:
    start = time.perf_counter()
    call(row)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
