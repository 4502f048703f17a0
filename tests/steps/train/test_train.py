from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs
from running import run_step

from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_it_learns_and_says_what(tmp_path: Path) -> None:
    train, validation = blobs(tmp_path / "train", 240), blobs(tmp_path / "validation", 60, seed=1)

    done = run_step(
        "train/keras", tmp_path, train=train, validation=validation, units=[16], epochs=15, learning_rate=0.01
    )

    assert done.accuracy > 0.9
    metrics = done.metrics.read()
    assert (metrics["accuracy"], metrics["measured_on"], metrics["rows"]) == (done.accuracy, "validation", 60)
    assert len(metrics["history"]["val_loss"]) == metrics["epochs"]
    assert files(done.model.path).keys() == {"architecture.json", "model.weights.h5", "model.json"}
    about = done.model.about()
    assert about["classes"] == ["kind 0", "kind 1", "kind 2"] and about["input"]["shape"] == [4]
    assert about["parameters"] == 4 * 16 + 16 + 16 * 3 + 3 and about["source"] == "blobs"


def test_random_labels_are_not_learnt(tmp_path: Path, dataset: Make) -> None:
    random = np.random.default_rng(0)
    train, validation = (
        dataset(
            {"x": random.normal(size=(rows, 4)), "y": random.integers(0, 4, rows)},
            roles={"y": "label"},
            classes=list("abcd"),
        )
        for rows in (200, 400)
    )
    done = run_step("train/keras", tmp_path, train=train, validation=validation, epochs=10)
    assert 0.1 < done.accuracy < 0.4  # chance is 0.25


def test_equal_seeds_give_equal_bytes_in_any_process(tmp_path: Path) -> None:
    train = blobs(tmp_path / "train", 60, shape=(8, 2))

    def trained(seed: int) -> Any:
        return run_step(
            "train/keras", tmp_path, train=train, architecture="conv1d", units=[4], dropout=0.2, epochs=2, seed=seed
        )

    one, same, other = trained(1), trained(1), trained(2)
    assert files(one.model.path) == files(same.model.path)
    assert one.metrics.path.read_bytes() == same.metrics.path.read_bytes()
    assert files(one.model.path)["model.weights.h5"] != files(other.model.path)["model.weights.h5"]


@pytest.mark.parametrize(
    ("architecture", "shape", "units"),
    [
        ("mlp", (3, 3), [8, 4]),
        ("conv1d", (16, 3), [4, 8]),
        ("conv2d", (8, 8, 1), [4, 8]),
        ("gru", (6, 2), [4, 4]),
        ("statistics", (16, 3), [8]),
    ],
)
def test_every_architecture(tmp_path: Path, architecture: str, shape: tuple[int, ...], units: list[int]) -> None:
    train = blobs(tmp_path / "train", 90, shape=shape)
    done = run_step(
        "train/keras", tmp_path, train=train, architecture=architecture, units=units, epochs=12, learning_rate=0.01
    )
    assert done.accuracy > 0.8
    assert done.metrics.read()["measured_on"] == "train"


def test_where_something_is(tmp_path: Path, dataset: Make) -> None:
    """A bright spot somewhere in an image of 16 by 12; places are 4 by 4 pixels, so there are 4 x 3."""
    random = np.random.default_rng(0)
    images = random.normal(0, 0.1, (400, 16, 12, 1)).astype(np.float32)
    rows, columns = random.integers(0, 16, 400), random.integers(0, 12, 400)
    images[np.arange(400), rows, columns] += 3
    places = [f"{row},{column}" for row in range(4) for column in range(3)]
    data = dataset({"image": images, "place": rows // 4 * 3 + columns // 4}, roles={"place": "label"}, classes=places)
    train = partial(run_step, "train/keras", tmp_path, train=data, architecture="heatmap", learning_rate=0.01)

    assert train(units=[8, 8, 8], kernel_size=5, epochs=15).accuracy > 0.9
    with pytest.raises(BadInput, match="divides 16 x 12 into 8 x 6 places, row by row, and needs a class for each"):
        train(units=[8, 8])


def test_a_quantity(tmp_path: Path, dataset: Make) -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    data = dataset({"x": x, "y": x @ [1.0, -2.0, 0.5] + 3}, roles={"y": "label"})
    done = run_step("train/keras", tmp_path, train=data, validation=data, epochs=60, learning_rate=0.01)
    assert done.accuracy > 0.95  # R²
    assert done.metrics.read()["r2"] == done.accuracy and done.model.about()["task"] == "regression"


def test_it_stops_early_and_keeps_the_best(tmp_path: Path, dataset: Make) -> None:
    """With labels turned round, validation gets worse from the first epoch on."""
    train = blobs(tmp_path / "train", 90)
    columns = train.read()
    turned = {"x": columns.features(), "kind": (columns.label() + 1) % 3}
    validation = dataset(turned, roles={"kind": "label"}, classes=columns.classes, source="blobs")
    done = run_step(
        "train/keras", tmp_path, train=train, validation=validation, epochs=50, patience=2, learning_rate=0.01
    )
    metrics = done.metrics.read()
    assert metrics["epochs"] == 3
    assert done.loss == pytest.approx(min(metrics["history"]["val_loss"]), rel=1e-4)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "import keras\n"
        "def tiny(input_shape, outputs, units):\n"
        "    hidden = keras.layers.Dense(units[0], activation='tanh')\n"
        "    head = keras.layers.Dense(outputs, activation='softmax')\n"
        "    return keras.Sequential([keras.Input(input_shape), hidden, head])\n"
        "def wrong(input_shape, outputs, units):\n"
        "    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(7)])\n"
    )
    train = blobs(tmp_path / "train", 90)
    done = run_step("train/keras", tmp_path, train=train, code=str(code), function="tiny", units=[5])
    assert "tanh" in (done.model.path / "architecture.json").read_text()
    for function, said in (("wrong", "its model maps"), ("absent", "no function 'absent'")):
        with pytest.raises(BadInput, match=said):
            run_step("train/keras", tmp_path, train=train, code=str(code), function=function)
    with pytest.raises(BadInput, match="no file of model code"):
        run_step("train/keras", tmp_path, train=train, code=str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("values", "facts", "inputs", "said"),
    [
        ({"x": [[0.0]] * 4, "y": [1] * 4}, {"classes": ["a", "b"]}, {}, "all training rows are of the class 'b'"),
        ({"x": [[0.0], [np.nan]], "y": [0, 1]}, {"classes": ["a", "b"]}, {}, "'x' has 1 rows with empty, NaN"),
        ({"x": [[0.0]], "y": [np.inf]}, {}, {}, "label of row 0 is not a finite number"),
        ({"x": [[0.0]] * 4, "y": [0, 1] * 2}, {"classes": ["a", "b"]}, {"architecture": "conv1d"}, "conv1d takes rows"),
        (
            {"x": np.zeros((4, 2, 1)), "y": [0, 1] * 2},
            {"classes": ["a", "b"]},
            {"architecture": "conv1d", "units": [4, 4, 4]},
            "do not fit rows of shape",
        ),
    ],
)
def test_what_cannot_be_learnt(
    tmp_path: Path, dataset: Make, values: dict[str, Any], facts: dict[str, Any], inputs: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        run_step("train/keras", tmp_path, train=dataset(values, roles={"y": "label"}, **facts), **inputs)


def test_parts_that_do_not_belong_together(tmp_path: Path) -> None:
    train = blobs(tmp_path / "train", 30, entry="standardize")
    with pytest.raises(BadInput, match="same preprocessing"):
        run_step("train/keras", tmp_path, train=train, validation=blobs(tmp_path / "validation", 30))


def test_the_thread_count_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another count rounds otherwise, here from the second batch on; the machine must not choose it."""
    train = blobs(tmp_path / "train", 300, shape=(100, 6))
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
        done = run_step("train/keras", tmp_path, train=train, architecture="conv1d", units=[32, 64], epochs=2)
        found.append(files(done.model.path))
    assert found[0] == found[1]
