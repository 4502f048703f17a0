from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs
from running import in_fork, run_step

from lighterage.launching.artifacts import Dataset, Model
from lighterage.schemas import BadInput
from lighterage.steps.edge.compress.holding import check_held, clustered

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return blobs(tmp_path_factory.mktemp("rows") / "rows", 300, shape=(16, 3))


def compress(tmp_path: Path, model: Model, train: Dataset, **inputs: Any) -> SimpleNamespace:
    return run_step("edge/compress", tmp_path, model=model, train=train, **({"epochs": 2} | inputs))


def kernels(model: Model) -> list[np.ndarray]:
    return in_fork(_kernels, model.path)


def _kernels(folder: Path) -> list[np.ndarray]:
    return [weight for weight in Model(folder).keras().get_weights() if weight.ndim > 1]


def test_the_smallest_weights_are_zero_and_stay_so(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    done = compress(tmp_path, small_model, rows, method="prune", sparsity=0.8)

    metrics = done.metrics.read()
    for before, after in zip(kernels(small_model), kernels(done.compressed), strict=True):
        gone = after == 0
        assert gone.sum() == int(0.8 * after.size)
        assert np.abs(before[gone]).max() <= np.abs(before[~gone]).min()
    assert metrics["before"]["sparsity"] == metrics["control"]["sparsity"] == 0
    assert 0.78 < metrics["after"]["sparsity"] <= 0.8
    assert metrics["after"]["weights_gzip"] < 0.5 * metrics["control"]["weights_gzip"]
    assert done.accuracy_drop == metrics["control"]["accuracy"] - done.accuracy
    assert done.compressed.about()["compressed"] == {"method": "prune", "sparsity": 0.8, "epochs": 2}


def test_a_kernel_has_few_different_values(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    held_out = blobs(tmp_path / "held out", 90, 4, shape=(16, 3))
    done = compress(tmp_path, small_model, rows, method="cluster", clusters=8, validation=held_out)

    metrics = done.metrics.read()
    assert all(len(np.unique(kernel)) <= 8 for kernel in kernels(done.compressed))
    assert metrics["after"]["distinct_values"] == 8 < metrics["control"]["distinct_values"]
    assert (metrics["rows"], metrics["measured_on"]) == (90, "validation")
    assert metrics["after"]["loss"] != metrics["before"]["loss"] != metrics["control"]["loss"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    one, two = (compress(tmp_path, small_model, rows, epochs=1) for _ in range(2))
    assert one.metrics.path.read_bytes() == two.metrics.path.read_bytes()
    for name in ("architecture.json", "model.json", "model.weights.h5"):
        assert (one.compressed.path / name).read_bytes() == (two.compressed.path / name).read_bytes()


def test_what_was_held_is_still_there_in_the_tflite_file(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    def packed(model: Model) -> int:
        converted = run_step("edge/convert", tmp_path, model=model, data=rows).tflite
        small = run_step("edge/quantize", tmp_path, model=converted, variant="int8", calibration=rows).tflite
        return len(gzip.compress((small.path / "model.tflite").read_bytes()))

    pruned = compress(tmp_path, small_model, rows, sparsity=0.9, epochs=1).compressed
    assert packed(pruned) < 0.8 * packed(small_model)


def test_a_model_that_was_not_held_fails(tmp_path: Path, dataset: Make) -> None:
    """Kernels of one value each: none of them can be the smaller half."""
    x = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float32)
    data = dataset({"x": x, "y": x[:, 0]}, roles={"y": "label"})
    model = run_step("train/keras", tmp_path, train=data, units=[1], epochs=1).model
    with pytest.raises(BadInput, match=r"the sparsity is 0\.000, not 0\.5"):
        compress(tmp_path, model, data)


def test_the_finished_model_is_counted() -> None:
    check_held({"sparsity": 0.5, "distinct_values": 300}, {"sparsity": 0.5})
    check_held({"sparsity": 0.0, "distinct_values": 16}, {"clusters": 16})
    with pytest.raises(BadInput, match="the sparsity is 0.000, not 0.5"):
        check_held({"sparsity": 0.0, "distinct_values": 300}, {"sparsity": 0.5})
    with pytest.raises(BadInput, match="a kernel has 300 different values, not at most 16"):
        check_held({"sparsity": 0.5, "distinct_values": 300}, {"clusters": 16})


def test_clusters_are_found_where_they_are() -> None:
    """And a state that has moved on comes back as the means of the same clusters."""
    kernel = np.array([[0.0, 0.1, 5.0], [5.2, 9.0, 0.2]], np.float32)
    hold = clustered(3)(kernel)
    np.testing.assert_allclose(hold(kernel), [[0.1, 0.1, 5.1], [5.1, 9.0, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(
        hold(kernel + np.array([[0, 0, 1], [0, 1, 0]])), [[0.1, 0.1, 5.6], [5.6, 10, 0.1]], rtol=1e-6
    )


def test_rows_of_other_classes(tmp_path: Path, small_model: Model) -> None:
    other = blobs(tmp_path / "other", 30, shape=(16, 3), classes=2)
    with pytest.raises(BadInput, match=r"the model knows the classes .* but the data has"):
        compress(tmp_path, small_model, other)
