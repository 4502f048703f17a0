from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Make, blobs
from running import run_step

from lighterage.launching.artifacts import Model
from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("trained")
    train = blobs(folder / "train", 150, entry="none")
    return run_step("train/keras", folder, train=train, units=[16], epochs=15, learning_rate=0.01).model


def test_what_is_measured_adds_up(tmp_path: Path, model: Model) -> None:
    judged = run_step("model/evaluate", tmp_path, model=model, data=blobs(tmp_path / "data", 90, seed=5))

    metrics = judged.metrics.read()
    confusion = np.array(metrics["confusion"])
    assert judged.rows == confusion.sum() == 90
    assert judged.accuracy == metrics["accuracy"] == pytest.approx(np.trace(confusion) / 90)
    assert judged.accuracy > 0.8 and judged.loss == metrics["loss"] > 0
    for number, (name, figures) in enumerate(metrics["classes"].items()):
        assert name == f"kind {number}" and figures["rows"] == 30
        assert figures["recall"] == pytest.approx(confusion[number, number] / 30)
        assert figures["precision"] == pytest.approx(confusion[number, number] / confusion[:, number].sum())


def test_random_labels_give_chance(tmp_path: Path, model: Model, dataset: Make) -> None:
    rows = blobs(tmp_path / "data", 600, seed=5).read()
    random = np.random.default_rng(0).integers(0, 3, 600)
    data = dataset({"x": rows.features(), "kind": random}, roles={"kind": "label"}, classes=rows.classes)
    assert 0.25 < run_step("model/evaluate", tmp_path, model=model, data=data).accuracy < 0.42


def test_a_quantity(tmp_path: Path, dataset: Make) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    data = dataset({"x": x, "y": x @ [1.0, -2.0]}, roles={"y": "label"})
    model = run_step("train/keras", tmp_path, train=data, epochs=60, learning_rate=0.01).model
    judged = run_step("model/evaluate", tmp_path, model=model, data=data)
    metrics = judged.metrics.read()
    assert judged.accuracy == metrics["r2"] > 0.9
    assert judged.loss == metrics["mse"] and metrics["mae"] ** 2 <= metrics["mse"]


def test_rows_that_were_prepared_otherwise(tmp_path: Path, model: Model) -> None:
    with pytest.raises(BadInput, match="standardize here, nothing done there"):
        data = blobs(tmp_path / "data", 9, entry="standardize")
        run_step("model/evaluate", tmp_path, model=model, data=data)


def test_other_classes_and_shapes(tmp_path: Path, model: Model) -> None:
    for data, said in (
        (blobs(tmp_path / "two", 10, classes=2), "knows the classes"),
        (blobs(tmp_path / "wide", 9, shape=(5,)), "rows of shape"),
    ):
        with pytest.raises(BadInput, match=said):
            run_step("model/evaluate", tmp_path, model=model, data=data)


def test_a_damaged_model_is_not_judged(tmp_path: Path, model: Model) -> None:
    """Weights of NaN answer NaN, and numpy finds their maximum at place 0: an accuracy without a meaning."""
    import h5py

    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in model.path.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    with h5py.File(damaged / "model.weights.h5", "r+") as weights:
        weights.visititems(
            lambda _, one: (
                one.write_direct(np.full(one.shape, np.nan, np.float32))
                if isinstance(one, h5py.Dataset) and one.ndim
                else None
            )
        )
    with pytest.raises(BadInput, match="not finite numbers for 9 of 9 rows"):
        run_step("model/evaluate", tmp_path, model=Model(damaged), data=blobs(tmp_path / "data", 9))
