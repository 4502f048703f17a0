"""Keras: loading, training on, judging."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from lighterage.schemas import BadInput

from .holding import Hold, kernels


class Rows(NamedTuple):
    inputs: np.ndarray
    labels: np.ndarray


def start_keras(seed: int, threads: int) -> None:
    """Pins what a result depends on besides the inputs. The thread count can be set once in a process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)


def trained(
    network: Any, rows: Rows, hold: Hold | None, epochs: int, batch_size: int, learning_rate: float, classes: bool
) -> Any:
    """The network, trained on. What is held is held after every step, so no later step can bring it back."""
    import keras

    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy" if classes else "mean_squared_error",
    )
    callbacks = [keras.callbacks.TerminateOnNaN()]
    if hold is not None:
        held = [(kernel, hold(kernel.numpy())) for kernel in kernels(network)]

        def project(*_: Any, **__: Any) -> None:
            for kernel, fit in held:
                kernel.assign(fit(kernel.numpy()))

        project()
        callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=project))
    if epochs:
        history = network.fit(*rows, epochs=epochs, batch_size=batch_size, verbose=2, callbacks=callbacks).history
        if not np.isfinite(history["loss"]).all():
            raise BadInput("the loss became infinite; a smaller learning_rate may help")
    return network


def judged(network: Any, rows: Rows, classes: bool) -> dict[str, float]:
    """Loss, and the share of rows right (R² of a quantity)."""
    predicted = network.predict(rows.inputs, batch_size=256, verbose=0).astype(np.float64)
    if classes:
        chosen = np.clip(predicted[np.arange(len(rows.labels)), rows.labels], 1e-7, 1.0)
        right = predicted.argmax(axis=1) == rows.labels
        return {"loss": float(-np.log(chosen).mean()), "accuracy": float(right.mean())}
    errors = rows.labels - predicted[:, 0]
    spread = float(((rows.labels - rows.labels.mean()) ** 2).sum())
    return {"loss": float((errors**2).mean()), "r2": float(1 - (errors**2).sum() / spread) if spread else 0.0}
