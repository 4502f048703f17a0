"""From a Keras model to a float32 flatbuffer. The only module that needs TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def export_float32(folder: Path, inputs: np.ndarray, file: Path) -> tuple[np.ndarray, int]:
    """Writes ``file``; gives the Keras model's outputs for ``inputs``, and how many values its kernels have.

    The signature has a batch of one: without a fixed batch recurrent layers do not convert, and others keep
    operators that compute shapes. It goes through a SavedModel, whose variables the converter freezes;
    conversion from a bare function of a Keras 3 model leaves the weights behind.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = load_keras(folder)
    outputs = network.predict(inputs, batch_size=256, verbose=0).astype(np.float64)
    file.write_bytes(convert(network))
    return outputs, sum(int(np.prod(weight.shape)) for weight in network.weights if len(weight.shape) > 1)


def load_keras(folder: Path) -> Any:
    import keras

    network = keras.models.model_from_json((folder / "architecture.json").read_text(encoding="utf-8"))
    network.load_weights(folder / "model.weights.h5")
    return network


def convert(network: Any) -> bytes:
    """The flatbuffer, built-in operators only: no TensorFlow operators (Flex), no custom ones."""
    import keras
    import tensorflow as tf

    signature = [tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name="input")]
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", lambda rows: network(rows, training=False), input_signature=signature)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(f"{folder}/model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/model", signature_keys=["serve"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()
