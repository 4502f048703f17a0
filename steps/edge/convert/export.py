"""From a trained model to a float32 flatbuffer. The only module that needs TensorFlow, and it runs in a child process."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Model
from lighterage.launching.child import Refused

NOISE_SHOWN = 2000
"""characters of what the converter said, where it fails"""


@dataclass(frozen=True)
class Exported:
    """What the source says of itself, and how it answers."""

    outputs: np.ndarray
    """of the rows, ``(rows, …)`` float64"""
    input_shape: tuple[int, ...]
    """without the batch"""
    parameters: int
    kernel_values: int
    """values of kernels: weights with two dimensions and more, which no converter folds into others"""


def export(kind: str, folder: Path, rows: np.ndarray, file: Path) -> Exported:
    """Writes ``file``. Raises Refused for a model that cannot be converted, with the converter's reason.

    The signature has a batch of one: without a fixed batch recurrent layers do not convert, and others keep
    operators that compute shapes. Every route goes through a SavedModel, whose variables the converter freezes;
    conversion from a bare function of a Keras 3 model leaves the weights behind.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet():
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        with tempfile.TemporaryDirectory() as scratch:
            exported = (keras_source if kind == "keras" else saved_source)(folder, rows, Path(scratch) / "model")
            file.write_bytes(converted(Path(scratch) / "model"))
    if not np.isfinite(exported.outputs).all():
        raise Refused("the model itself answers NaN or infinity for some rows")
    return exported


def keras_source(folder: Path, rows: np.ndarray, to: Path) -> Exported:
    """A SavedModel with a batch of one, of the form that train/keras writes."""
    import keras
    import tensorflow as tf

    network = Model(folder).keras()
    _check_shape(network.input_shape[1:], rows)
    outputs = network.predict(rows, batch_size=256, verbose=0).astype(np.float64)
    archive = keras.export.ExportArchive()
    archive.track(network)
    signature = [tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name="input")]
    archive.add_endpoint("serve", lambda one: network(one, training=False), input_signature=signature)
    archive.write_out(str(to), verbose=False)
    return Exported(outputs, tuple(network.input_shape[1:]), *_counted(network.weights))


def saved_source(folder: Path, rows: np.ndarray, to: Path) -> Exported:
    """The same SavedModel, with a signature whose batch is one."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    function = _signature(loaded)
    (name, spec), *more = sorted(function.structured_input_signature[1].items())
    answers = sorted(function.structured_outputs)
    if more or len(answers) != 1:
        names = ", ".join([name, *(other for other, _ in more)])
        raise Refused(
            f"the SavedModel's signature has inputs {names} and outputs {', '.join(answers)}; one of each can be converted"
        )
    if spec.dtype != tf.float32:
        raise Refused(f"the SavedModel's input {name!r} is {spec.dtype.name}; only float32 can be converted")
    shape = tuple(spec.shape[1:].as_list())
    if None in shape:
        raise Refused(f"the SavedModel's input {name!r} has the shape {spec.shape}; only the batch may be open")
    _check_shape(shape, rows)

    class Fixed(tf.Module):
        """Holds what was loaded, whose variables are saved again with it."""

        def __init__(self) -> None:
            self.loaded = loaded

        @tf.function(input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="input")])
        def serve(self, one: Any) -> Any:
            return {"output": function(**{name: one})[answers[0]]}

    fixed = Fixed()
    outputs = np.concatenate([fixed.serve(row[None])["output"].numpy() for row in rows]).astype(np.float64)
    tf.saved_model.save(fixed, str(to), signatures={"serve": fixed.serve})
    return Exported(outputs, shape, *_counted(function.variables))


def converted(saved: Path) -> bytes:
    """The flatbuffer, built-in operators only: no TensorFlow operators (Flex), no custom ones."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=["serve"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return bytes(converter.convert())
    except ConverterError as error:
        raise Refused(f"TFLite has no operators of its own for this model: {_reason(str(error))}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what TensorFlow prints, from C++ too, out of the log; says its end where something fails."""
    with tempfile.TemporaryFile() as noise:
        sys.stdout.flush()
        kept = {number: os.dup(number) for number in (1, 2)}
        for number in kept:
            os.dup2(noise.fileno(), number)
        try:
            yield
        except BaseException:
            _restore(kept)
            noise.seek(max(0, noise.seek(0, os.SEEK_END) - NOISE_SHOWN))
            print(noise.read().decode(errors="replace"), flush=True)
            raise
        else:
            _restore(kept)


def _restore(kept: dict[int, int]) -> None:
    sys.stdout.flush()
    for number, copy in kept.items():
        os.dup2(copy, number)
        os.close(copy)


def _signature(loaded: Any) -> Any:
    signatures = dict(loaded.signatures)
    for key in ("serving_default", "serve"):
        if key in signatures:
            return signatures[key]
    if len(signatures) != 1:
        raise Refused(f"the SavedModel has the signatures {sorted(signatures) or 'none'}; serving_default is needed")
    return next(iter(signatures.values()))


def _check_shape(shape: tuple[int, ...], rows: np.ndarray) -> None:
    if tuple(shape) != rows.shape[1:]:
        raise Refused(f"the model takes rows of shape {tuple(shape)}, but the data has {rows.shape[1:]}")


def _counted(weights: Any) -> tuple[int, int]:
    """All values, and those of kernels: recurrent layers have biases of two dimensions, which may be nothing but zeros."""
    sizes = [(int(np.prod(one.shape)), len(one.shape) > 1 and "bias" not in one.name) for one in weights]
    return sum(size for size, _ in sizes), sum(size for size, kernel in sizes if kernel)


def _reason(message: str) -> str:
    """What is wrong, of a message that is mostly places in the converter."""
    said = [
        re.sub(r"^loc\(.*\): ", "", line.rpartition("error: ")[2]) for line in message.splitlines() if "error: " in line
    ]
    reason = "; ".join(dict.fromkeys(said))[:400] or message.strip()[:400]
    if "TensorList" in reason:
        reason += ". A recurrent layer needs a fixed batch: save the model with an input of shape (1, ...), or give its Keras form"
    return reason
