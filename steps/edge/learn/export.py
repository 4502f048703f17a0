"""A Keras model whose last dense layers go on learning on a device. The only module that needs TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Model
from lighterage.launching.child import Refused

SIGNATURES = ("infer", "train", "get", "put")


def export(folder: Path, rows: np.ndarray, layers: int, batch: int, file: Path) -> np.ndarray:
    """Writes ``file``; gives the Keras model's outputs for ``rows``. Runs in a child process.

    Raises Refused for a model that does not end in so many dense layers.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = Model(folder).keras()
    outputs = network.predict(rows, batch_size=256, verbose=0)
    body, head = divided(network, layers)
    learner = _learner(body, head, network.input_shape[1:], batch)
    with tempfile.TemporaryDirectory() as scratch:
        tf.saved_model.save(learner, scratch, signatures={name: getattr(learner, name) for name in SIGNATURES})
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=list(SIGNATURES))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        file.write_bytes(converter.convert())
    return outputs


def divided(network: Any, count: int) -> tuple[list[Any], list[Any]]:
    """Layers that stay as they are, and the last dense ones, which learn."""
    import keras

    layers = [
        layer for layer in network.layers if not isinstance(layer, keras.layers.Dropout | keras.layers.InputLayer)
    ]
    body, head = layers[:-count], layers[-count:]
    if not isinstance(network, keras.Sequential) or len(layers) < count:
        raise Refused(f"a stack of at least {count} layers is needed")
    for layer, wanted in zip(head, ["relu"] * (count - 1) + ["softmax"], strict=True):
        if not isinstance(layer, keras.layers.Dense) or layer.activation.__name__ != wanted or not layer.use_bias:
            raise Refused(
                f"the last {count} layers must be dense, with relu and softmax at the end, but {layer.name} is not"
            )
    return body, head


def _learner(body: list[Any], head: list[Any], shape: tuple[int, ...], batch: int) -> Any:
    """A module with the four signatures. Shapes are fixed; a batch that is not full has rows of no importance.

    What does not learn goes in as constants: what goes in as variables stays one.
    """
    import keras
    import tensorflow as tf

    rows, one = (tf.TensorSpec((count, *shape), tf.float32, name="rows") for count in (batch, 1))
    labels = tf.TensorSpec((batch,), tf.int32, name="labels")
    importance = tf.TensorSpec((batch,), tf.float32, name="importance")
    rate = tf.TensorSpec((), tf.float32, name="rate")
    arrays = {
        f"{what}_{n}": value.numpy()
        for n, layer in enumerate(head)
        for what, value in zip(("kernel", "bias"), layer.weights, strict=True)
    }
    frozen = keras.Sequential([keras.Input(shape), *body])
    constants = [[one.numpy() for one in part] for part in (frozen.trainable_variables, frozen.non_trainable_variables)]
    classes = head[-1].units

    class Learner(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = {name: tf.Variable(value, name=name) for name, value in arrays.items()}

        def logits(self, values: Any) -> Any:
            """What softmax makes probabilities of. Plain relu has a gradient that only TensorFlow itself can run."""
            values, _ = frozen.stateless_call(*constants, values, training=False)
            for place in range(len(head)):
                if place:
                    values = values * tf.cast(values > 0, tf.float32)
                values = tf.matmul(values, self.weights[f"kernel_{place}"]) + self.weights[f"bias_{place}"]
            return values

        @tf.function(input_signature=[one])
        def infer(self, rows: Any) -> Any:
            return {"scores": tf.nn.softmax(self.logits(rows))}

        @tf.function(input_signature=[rows, labels, importance, rate])
        def train(self, rows: Any, labels: Any, importance: Any, rate: Any) -> Any:
            """One step of gradient descent; gives the loss before it."""
            with tf.GradientTape() as tape:
                chosen = tf.one_hot(labels, classes) * tf.nn.log_softmax(self.logits(rows))
                loss = -tf.reduce_sum(tf.reduce_sum(chosen, axis=1) * importance) / tf.reduce_sum(importance)
            for variable, gradient in zip(
                self.weights.values(), tape.gradient(loss, list(self.weights.values())), strict=True
            ):
                variable.assign_sub(rate * gradient)
            return {"loss": loss}

        @tf.function(input_signature=[])
        def get(self) -> Any:
            return {name: variable.read_value() for name, variable in self.weights.items()}

        @tf.function(
            input_signature=[tf.TensorSpec(value.shape, tf.float32, name=name) for name, value in arrays.items()]
        )
        def put(self, *given: Any) -> Any:
            for variable, value in zip(self.weights.values(), given, strict=True):
                variable.assign(value)
            return {"count": tf.constant(len(arrays))}

    return Learner()
