from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make
from running import run_step

from lighterage.schemas import BadInput

RANDOM = np.random.default_rng(0)


def standardize(
    tmp_path: Path, dataset: Make, train: dict[str, Any], test: dict[str, Any], **inputs: Any
) -> SimpleNamespace:
    parts = {"raw_train": dataset(train), "raw_test": dataset(test)}
    return run_step("features/standardize", tmp_path, **parts, **inputs)


def test_columns_of_a_table(tmp_path: Path, dataset: Make) -> None:
    train = {"a": RANDOM.normal(5, 2, 100), "b": RANDOM.normal(-3, 0.1, 100)}
    parts = standardize(tmp_path, dataset, train, {"a": [7.0], "b": [-3.0]})

    scaled = parts.train.read().features()
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-6)
    assert scaled.dtype == np.float32
    assert parts.test.read().values["a"] == pytest.approx([(7 - train["a"].mean()) / train["a"].std()])
    assert not parts.validation.path.exists()


def test_the_test_rows_do_not_change_the_figures(tmp_path: Path, dataset: Make) -> None:
    train = {"a": RANDOM.normal(size=20)}
    one = standardize(tmp_path, dataset, train, {"a": [0.0]})
    other = standardize(tmp_path, dataset, train, {"a": [1e6]})
    assert one.train.read().preprocessing == other.train.read().preprocessing


def test_channels_of_windows_and_single_values(tmp_path: Path, dataset: Make) -> None:
    windows = RANDOM.normal([0, 10], [1, 5], size=(30, 8, 2))
    per_channel = standardize(tmp_path, dataset, {"w": windows}, {"w": windows[:1]}).train.read()
    per_value = standardize(tmp_path, dataset, {"w": windows}, {"w": windows[:1]}, per="feature").train.read()

    assert np.shape(per_channel.preprocessing[-1]["mean"]) == (2,)
    assert np.shape(per_value.preprocessing[-1]["mean"]) == (8, 2)
    np.testing.assert_allclose(per_channel.features().mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(per_value.features().mean(axis=0), 0, atol=1e-5)


def test_a_device_can_do_the_same_from_what_is_written_down(tmp_path: Path, dataset: Make) -> None:
    windows = RANDOM.normal(3, 4, size=(30, 8, 2))
    done = standardize(tmp_path, dataset, {"w": windows}, {"w": windows}, clip=1.5).test.read()

    entry = done.preprocessing[-1]
    again = ((windows - entry["mean"]) / entry["std"]).clip(-entry["clip"], entry["clip"])
    np.testing.assert_allclose(done.features(), again, atol=1e-6)
    assert np.abs(done.features()).max() == 1.5


def test_a_constant_becomes_zero(tmp_path: Path, dataset: Make) -> None:
    parts = standardize(tmp_path, dataset, {"a": [0.1] * 9, "b": range(9)}, {"a": [0.1], "b": [1]})
    np.testing.assert_allclose(parts.train.read().values["a"], 0, atol=1e-12)


def test_other_columns_stay_as_they_are(tmp_path: Path, dataset: Make) -> None:
    data = dataset({"a": [1.0, 2.0], "y": [0, 1]}, roles={"y": "label"}, classes=["n", "y"], rate_hz=50.0)
    done = run_step("features/standardize", tmp_path, raw_train=data, raw_test=data).test.read()
    assert (done.label().tolist(), done.classes, done.rate_hz) == ([0, 1], ["n", "y"], 50.0)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ({"a": [1.0, np.nan, np.inf]}, {"a": [1.0]}, "'a' has 2 rows with empty, NaN or infinite values"),
        ({"a": [1.0, 2.0]}, {"a": [np.nan]}, "'a' has 1 rows"),
        ({"a": [1.0, 2.0]}, {"b": [1.0]}, "same features"),
        ({"a": ["x", "y"]}, {"a": ["x"]}, "'a' holds text"),
    ],
)
def test_what_cannot_be_standardized(
    tmp_path: Path, dataset: Make, train: dict[str, Any], test: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        standardize(tmp_path, dataset, train, test)
    assert said in str(refusal.value)
