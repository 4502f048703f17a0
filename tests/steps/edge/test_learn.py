"""edge/learn: one file that learns on, and models that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import blobs, write_dataset
from running import run_step

from lighterage.edge.learning import Learner
from lighterage.launching.artifacts import Model
from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Two dense layers for `blobs` of four features."""
    folder = tmp_path_factory.mktemp("dense")
    return run_step("train/keras", folder, train=blobs(folder / "train", 300), units=[16], epochs=6).model


def learn(tmp_path: Path, model: Model, **inputs: Any) -> Any:
    if "data" not in inputs:
        inputs["data"] = blobs(tmp_path / f"data {len(list(tmp_path.iterdir()))}", 120, 1)
    return run_step("edge/learn", tmp_path, model=model, **inputs)


def test_all_layers_or_the_last_one(tmp_path: Path, dense: Model) -> None:
    whole = learn(tmp_path, dense, layers=2)
    report = whole.report.read()
    learning = report["learning"]
    assert learning["loss_after"] < learning["loss_before"] and whole.accuracy > learning["accuracy_before"]
    assert report["weights"] == {"kernel_0": [4, 16], "bias_0": [16], "kernel_1": [16, 3], "bias_1": [3]}
    assert report["round_trip"] == "bit by bit" and report["max_abs_diff"] <= 1e-5
    assert "CUSTOM" not in report["operators"] and "ASSIGN_VARIABLE" in report["operators"]
    Learner.load(whole.learner.path).verify()


def test_a_convolution_stays_as_it_is_and_equal_inputs_give_equal_bytes(tmp_path: Path, small_model: Model) -> None:
    data = blobs(tmp_path / "windows", 120, 1, shape=(16, 3))
    one, two = (learn(tmp_path, small_model, data=data) for _ in range(2))
    assert list(one.report.read()["weights"]) == ["bias_0", "kernel_0"]
    for name in ("model.tflite", "model.json", "golden.npz"):
        assert (one.learner.path / name).read_bytes() == (two.learner.path / name).read_bytes()
    assert one.report.path.read_bytes() == two.report.path.read_bytes()
    Learner.load(one.learner.path).verify()


def test_models_that_cannot(tmp_path: Path, dense: Model, small_model: Model) -> None:
    windows = blobs(tmp_path / "windows", 120, 1, shape=(16, 3))
    with pytest.raises(BadInput, match="the last 2 layers must be dense"):
        learn(tmp_path, small_model, data=windows, layers=2)
    with pytest.raises(BadInput, match="a stack of at least 9 layers"):
        learn(tmp_path, dense, layers=9)
    with pytest.raises(BadInput, match="rows are too few"):
        learn(tmp_path, dense, data=blobs(tmp_path / "few", 12, 1))


def test_a_proof_that_fails(tmp_path: Path, dense: Model) -> None:
    """Labels that have nothing to do with the rows cannot be learned, and it says so."""
    random = np.random.default_rng(0)
    noise = write_dataset(
        tmp_path / "noise",
        {"x": random.normal(size=(400, 4)).astype(np.float32), "kind": random.integers(0, 3, 400)},
        roles={"kind": "label"},
        classes=[f"kind {number}" for number in range(3)],
    )
    with pytest.raises(BadInput, match="it does not learn: loss"):
        learn(tmp_path, dense, data=noise, rate=3.0, epochs=40)


def test_a_conversion_that_takes_too_long_is_named(tmp_path: Path, dense: Model) -> None:
    with pytest.raises(RuntimeError, match="the conversion failed: took more than 1 s"):
        learn(tmp_path, dense, timeout=1)
