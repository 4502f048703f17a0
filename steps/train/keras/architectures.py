"""Networks by name, and from a user's own function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lighterage.schemas import BadInput

Shape = tuple[int, ...]


def mlp(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """Dense layers; whatever the shape, a row is one line of numbers."""
    from keras import layers

    hidden = [layers.Dense(width, activation="relu") for width in units]
    return _stack(shape, [layers.Flatten(), *hidden], outputs, dropout)


def conv1d(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """Convolutions over time, each followed by halving it, then the mean over time."""
    from keras import layers

    _need_rank("conv1d", shape, 2, "(steps, channels)")
    blocks: list[Any] = []
    for width in units:
        blocks.append(layers.Conv1D(width, kernel_size, padding="same", activation="relu"))
        blocks.append(layers.MaxPooling1D(2))
    return _stack(shape, [*blocks, layers.GlobalAveragePooling1D()], outputs, dropout)


def conv2d(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """Convolutions over an image, each followed by halving both sides."""
    from keras import layers

    _need_rank("conv2d", shape, 3, "(height, width, channels)")
    blocks: list[Any] = []
    for width in units:
        blocks.append(layers.Conv2D(width, kernel_size, padding="same", activation="relu"))
        blocks.append(layers.MaxPooling2D(2))
    return _stack(shape, [*blocks, layers.Flatten()], outputs, dropout)


def gru(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """Gated recurrent layers over time."""
    from keras import layers

    _need_rank("gru", shape, 2, "(steps, channels)")
    passing_on = [layers.GRU(width, return_sequences=True) for width in units[:-1]]
    return _stack(shape, [*passing_on, layers.GRU(units[-1])], outputs, dropout)


def statistics(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """What people compute of sensor windows by hand, as a part of the model, then dense layers: the device feeds raw windows."""
    import keras
    from keras import layers

    _need_rank("statistics", shape, 2, "(steps, channels)")
    rows = keras.Input(tuple(shape))
    found = layers.BatchNormalization(momentum=0.9)(_statistics(rows))
    for width in units:
        found = layers.Dense(width, activation="relu")(found)
    found = layers.Dropout(dropout)(found) if dropout else found
    return keras.Model(rows, layers.Dense(outputs, activation="softmax" if outputs > 1 else None)(found))


def _statistics(rows: Any) -> Any:
    """Of each channel: mean, deviation, least, largest, mean change, crossings of the mean; of all together: mean and
    largest length. Built-in operators of TFLite alone."""
    from keras import ops

    centred = rows - ops.mean(rows, axis=1, keepdims=True)
    length = ops.sqrt(ops.sum(rows * rows, axis=2, keepdims=True) + 1e-6)
    found = [
        ops.mean(rows, axis=1),
        ops.sqrt(ops.mean(centred * centred, axis=1) + 1e-6),
        ops.min(rows, axis=1),
        ops.max(rows, axis=1),
        ops.mean(ops.abs(rows[:, 1:] - rows[:, :-1]), axis=1),
        ops.mean(ops.cast(centred[:, 1:] * centred[:, :-1] < 0, "float32"), axis=1),
        ops.mean(length, axis=1),
        ops.max(length, axis=1),
    ]
    return ops.concatenate(found, axis=1)


def heatmap(shape: Shape, outputs: int, units: list[int], kernel_size: int, dropout: float) -> Any:
    """Convolutions over an image, all but the last by steps of two, then a score for each place: where something is."""
    from keras import layers

    _need_rank("heatmap", shape, 3, "(height, width, channels)")
    height, width = (-(-side // 2 ** (len(units) - 1)) for side in shape[:2])
    if height * width != outputs:
        raise BadInput(
            f"heatmap with {len(units)} units divides {shape[0]} x {shape[1]} into {height} x {width} places, row by row, "
            f"and needs a class for each, but there are {outputs}"
        )
    steps = [2] * (len(units) - 1) + [1]
    blocks = [
        layers.Conv2D(width, kernel_size, strides=step, padding="same", activation="relu")
        for width, step in zip(units, steps, strict=True)
    ]
    dropping = [layers.Dropout(dropout)] if dropout else []
    return _sequential(shape, [*blocks, *dropping, layers.Conv2D(1, 1), layers.Flatten(), layers.Softmax()])


BUILDERS: dict[str, Callable[[Shape, int, list[int], int, float], Any]] = {
    "mlp": mlp,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "gru": gru,
    "statistics": statistics,
    "heatmap": heatmap,
}


def build_from_code(code: str, function: str, shape: Shape, outputs: int, units: list[int]) -> Any:
    """The model that the user's function makes: ``function(input_shape=…, outputs=…, units=…)``."""
    import keras

    file = Path(code)
    if not file.is_file():
        raise BadInput(f"there is no file of model code {code}")
    names: dict[str, Any] = {"__name__": "model_code"}
    exec(compile(file.read_text(encoding="utf-8"), file.name, "exec"), names)
    if not callable(names.get(function)):
        raise BadInput(f"the model code has no function {function!r}")
    network = names[function](input_shape=tuple(shape), outputs=outputs, units=units)
    if not isinstance(network, keras.Model):
        raise BadInput(f"{function} must return a Keras model, not {type(network).__name__}")
    if network.input_shape != (None, *shape) or network.output_shape != (None, outputs):
        raise BadInput(
            f"{function} must map {(None, *shape)} to {(None, outputs)}, "
            f"but its model maps {network.input_shape} to {network.output_shape}"
        )
    return network


def _stack(shape: Shape, hidden: list[Any], outputs: int, dropout: float) -> Any:
    """Hidden layers under a head: probabilities of the classes, or one number where there is one output."""
    from keras import layers

    dropping = [layers.Dropout(dropout)] if dropout else []
    head = layers.Dense(outputs, activation="softmax" if outputs > 1 else None)
    return _sequential(shape, [*hidden, *dropping, head])


def _sequential(shape: Shape, hidden: list[Any]) -> Any:
    import keras

    try:
        return keras.Sequential([keras.Input(tuple(shape)), *hidden])
    except ValueError as error:
        raise BadInput(f"these layers do not fit rows of shape {tuple(shape)}: {error}") from None


def _need_rank(name: str, shape: Shape, rank: int, form: str) -> None:
    if len(shape) != rank:
        raise BadInput(f"{name} takes rows of shape {form}, but these have {tuple(shape)}")
