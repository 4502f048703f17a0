"""A chain that can be followed by eye: two lamps beside each other on a dark wall, each of one of three strengths.

`detect` says whether there is light at all, `find` where, `read` how strong one lamp is, `decide` which pair it is. The
networks' weights are set by hand, so that what each must answer is known.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from conftest import write_dataset
from running import in_fork, run_step

from lighterage.launching.artifacts import Artifact, Dataset, Model
from lighterage.launching.columns import Columns

WALL, LAMP = (16, 20, 1), (4, 4, 1)
STRENGTHS = {"low": 100, "middle": 170, "high": 240}
PAIRS = [f"{one}-{other}" for one in STRENGTHS for other in STRENGTHS]
GRID = (7, 7)
"""of places for both lamps, 4 x 8 pixels, every 2 pixels"""
STAGES: list[dict[str, Any]] = [
    {"name": "detect"},
    {"name": "find", "when": {"stage": "detect", "classes": ["lit"]}},
    {
        "name": "read",
        "input": [
            {"op": "crop", "map": "find", "grid": list(GRID), "stride": [2, 2], "size": [4, 8]},
            {"op": "split", "axis": 1, "parts": 2},
        ],
    },
    {"name": "decide", "input": [{"op": "concat", "stages": ["read"]}]},
]


def walls(folder: Path, rows: int, seed: int = 0) -> Dataset:
    """Pictures ``(16, 20, 1)``, 0 to 255, every third one dark, labelled with the pair that shines."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 40, (rows, *WALL)).astype(np.uint8)
    labels, places = np.zeros(rows, int), np.zeros(rows, int)
    for row in range(rows):
        if row % 3 == 0:
            continue
        labels[row] = 1 + random.integers(len(PAIRS))
        places[row] = random.integers(GRID[0] * GRID[1])
        y, x = 2 * (places[row] // GRID[1]), 2 * (places[row] % GRID[1])
        for side, strength in enumerate(PAIRS[labels[row] - 1].split("-")):
            pictures[row, y : y + 4, x + 4 * side : x + 4 * side + 4] = STRENGTHS[strength]
    return write_dataset(
        folder,
        {"picture": pictures, "pair": labels, "place": places},
        roles={"pair": "label", "place": "group"},
        classes=["dark", *PAIRS],
        source="walls",
    )


def bundles(folder: Path, variants: dict[str, str] | None = None, target: str = "cpu") -> dict[str, Artifact]:
    """The four stages' bundles, each of the variant named, else float32."""
    seen = walls(folder / "walls", 120, seed=1).read()
    lit = seen.take(seen.label() > 0)
    lamps = np.array([[STRENGTHS[one] for one in PAIRS[pair - 1].split("-")] for pair in lit.label()]).reshape(-1)
    levels = np.searchsorted(sorted(STRENGTHS.values()), lamps)
    scores = np.eye(3, dtype=np.float32)[levels].reshape(-1, 6)
    patches = np.broadcast_to(lamps[:, None, None, None], (len(lamps), *LAMP)).astype(np.uint8)
    cells = [f"{row},{column}" for row in range(GRID[0]) for column in range(GRID[1])]
    pictures = seen.features()
    data = {
        "detect": (_detect, ["dark", "lit"], "picture", pictures, (seen.label() > 0).astype(int)),
        "find": (_find, cells, "picture", lit.features(), lit.values["place"]),
        "read": (_read, list(STRENGTHS), "picture", patches, levels),
        "decide": (_decide, PAIRS, "scores", scores, lit.label() - 1),
    }
    import_module("keras")
    made = {}
    for name, (network, classes, feature, values, labels) in data.items():
        columns = {"values": {feature: values, "label": labels}, "classes": classes}
        rows = write_dataset(folder / name, columns["values"], roles={"label": "label"}, classes=classes, source=name)
        in_fork(_save, network, _about(name, rows.read()), folder / f"{name}-keras")
        made[name] = _bundle(name, folder, rows, (variants or {}).get(name, "float32"), target)
    return made


def recurrent_model(folder: Path) -> tuple[bytes, np.ndarray]:
    """A float32 model with a recurrent layer, and rows for it."""
    values = np.random.default_rng(0).normal(0, 1, (20, 12, 3)).astype(np.float32)
    classes, roles = ["no", "yes"], {"label": "label"}
    rows = write_dataset(folder / "rows", {"x": values, "label": np.arange(20) % 2}, roles=roles, classes=classes)
    import_module("keras")
    in_fork(_save, _recurrent, _about("recurrent", rows.read()), folder / "keras")
    made = run_step("edge/convert", folder, model=Model(folder / "keras", type="model/keras"), data=rows).tflite
    return (made.path / "model.tflite").read_bytes(), values


def _bundle(name: str, folder: Path, rows: Dataset, variant: str, target: str) -> Artifact:
    network = Model(folder / f"{name}-keras", type="model/keras")
    float32 = run_step("edge/convert", folder, model=network, data=rows).tflite
    model = run_step("edge/quantize", folder, model=float32, variant=variant, calibration=rows, on_fail="stop").tflite
    proof = run_step("edge/verify", folder, models=[model], reference=float32, data=rows, target=target).report
    limits = {"order": [variant], "budget": {"agreement": 0.95}}
    chosen = run_step("edge/choose", folder, models=[model], verified=proof, **limits)
    return run_step("edge/bundle", folder, model=chosen.tflite, report=chosen.report, data=rows, name=name).bundle


def _about(name: str, rows: Columns) -> dict[str, Any]:
    return {
        "format": "lighterage/keras/1",
        "task": "classification",
        "input": {"shape": list(rows.features().shape[1:]), "dtype": "float32"},
        "outputs": len(rows.classes),
        "classes": rows.classes,
        "features": rows.named("feature"),
        "label": "label",
        "rate_hz": None,
        "preprocessing": [],
        "source": name,
    }


def _save(network: Callable[[], Any], about: dict[str, Any], folder: Path) -> None:
    built = network()
    folder.mkdir()
    (folder / "architecture.json").write_text(built.to_json())
    built.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(json.dumps(about | {"parameters": built.count_params()}))


def _network(shape: tuple[int, ...], layers: list[Any], *weights: np.ndarray) -> Any:
    import keras

    built = keras.Sequential([keras.Input(shape), *layers])
    built.set_weights([one.astype(np.float32) for one in weights])
    return built


def _recurrent() -> Any:
    import keras
    from keras import layers

    built = keras.Sequential([keras.Input((12, 3)), layers.GRU(8), layers.Dense(2), layers.Softmax()])
    random = np.random.default_rng(1)
    built.set_weights([random.normal(0, 0.5, one.shape).astype(np.float32) for one in built.get_weights()])
    return built


def _detect() -> Any:
    """Light is where the brightest pixel is above 70."""
    from keras import layers

    kernel, bias = np.array([[-0.2, 0.2]]), np.array([14, -14])
    return _network(WALL, [layers.GlobalMaxPooling2D(), layers.Dense(2), layers.Softmax()], kernel, bias)


def _find() -> Any:
    """The place of the window with the highest mean, as a softmax over all."""
    from keras import layers

    mean = layers.Conv2D(1, (4, 8), strides=2, use_bias=False)
    return _network(WALL, [mean, layers.Flatten(), layers.Softmax()], np.full((4, 8, 1, 1), 1 / 32))


def _read() -> Any:
    """The strength that the mean is nearest to: -(mean - strength)² less what all have in common."""
    from keras import layers

    strengths = np.array(list(STRENGTHS.values())) / 255
    kernel, bias = np.tile(2 * strengths / 255 / 16, (16, 1)), -(strengths**2)
    return _network(LAMP, [layers.Flatten(), layers.Dense(3), layers.Softmax()], 100 * kernel, 100 * bias)


def _decide() -> Any:
    """The pair whose two scores are highest together."""
    from keras import layers

    pairs = [[int(one == level) for side in pair.split("-") for one in STRENGTHS for level in [side]] for pair in PAIRS]
    return _network((6,), [layers.Dense(9), layers.Softmax()], 20 * np.array(pairs).T, np.zeros(9))
