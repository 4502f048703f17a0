from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Make
from hypothesis import given, settings
from hypothesis import strategies as st
from running import run_step

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput


def recordings(lengths: list[int]) -> dict[str, Any]:
    """Samples that count up, so that a window shows where it was cut."""
    rows = sum(lengths)
    series = np.repeat(np.arange(len(lengths)), lengths)
    return {"x": np.arange(rows), "y": np.arange(rows) * 10, "series": series}


def test_windows_of_each_recording(tmp_path: Path, dataset: Make) -> None:
    data = dataset(recordings([7, 3, 5]), roles={"series": "group"})

    cut = run_step("features/window", tmp_path, data=data, size=4, stride=2)

    columns = cut.windows.read()
    assert columns.features().shape == (3, 4, 2) and columns.features().dtype == np.float32
    assert columns.features()[:, 0, 0].tolist() == [0, 2, 10]  # the second recording is too short
    assert columns.features()[0, :, 1].tolist() == [0, 10, 20, 30]
    assert columns.values["series"].tolist() == [0, 0, 2]
    assert columns.preprocessing == [{"op": "window", "size": 4, "stride": 2, "rate_hz": None, "channels": ["x", "y"]}]
    assert cut.rows == 3


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    size=st.integers(1, 8),
    stride=st.integers(1, 8),
    order=st.randoms(use_true_random=False),
)
def test_no_window_crosses_a_border(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], size: int, stride: int, order: Any
) -> None:
    """Whatever the order of the rows, with a time column each window is a stretch of one recording."""
    folder = tmp_path_factory.mktemp("window")
    values = recordings(lengths)
    shuffled = list(range(len(values["x"])))
    order.shuffle(shuffled)
    values = {name: np.asarray(array)[shuffled] for name, array in values.items()}
    data = Dataset(folder / "data")
    data.write(Columns(values | {"at": values["x"] / 50}, roles={"series": "group", "at": "time"}))
    if max(lengths) < size:
        with pytest.raises(BadInput):
            run_step("features/window", folder, data=data, size=size, stride=stride)
        return
    cut = run_step("features/window", folder, data=data, size=size, stride=stride).windows.read()
    borders = np.cumsum([0, *lengths])
    for window, series in zip(cut.features()[:, :, 0], cut.values["series"], strict=True):
        assert (np.diff(window) == 1).all()
        assert borders[series] <= window[0] and window[-1] < borders[series + 1]
    assert len(cut.features()) == sum((length - size) // stride + 1 for length in lengths if length >= size)


def test_seconds(tmp_path: Path, dataset: Make) -> None:
    data = dataset(recordings([200]), roles={"series": "group"}, rate_hz=50.0)
    cut = run_step("features/window", tmp_path, data=data, size=2, stride=0.5, unit="seconds").windows.read()
    assert cut.features().shape == (5, 100, 2)
    assert cut.preprocessing[0]["rate_hz"] == 50.0


def test_a_gap_in_time_is_a_border(tmp_path: Path, dataset: Make) -> None:
    at = np.concatenate([np.arange(5), np.arange(8, 13)]) / 10.0
    data = dataset({"x": np.arange(10), "at": at}, roles={"at": "time"})
    cut = run_step("features/window", tmp_path, data=data, size=4, stride=1).windows.read()
    assert cut.features()[:, 0, 0].tolist() == [0, 1, 5, 6]
    assert cut.values["at"].tolist() == [0, 0.1, 0.8, 0.9]  # a window is named for its start


@pytest.mark.parametrize(
    ("mixed", "starts", "labels"),
    [
        ("drop", [0, 4], [0, 1]),
        ("majority", [0, 2, 4], [0, 0, 1]),
    ],
)
def test_windows_in_which_the_label_changes(
    tmp_path: Path, dataset: Make, mixed: str, starts: list[int], labels: list[int]
) -> None:
    data = dataset({"x": np.arange(7), "y": [0, 0, 0, 0, 1, 1, 1]}, roles={"y": "label"}, classes=["a", "b"])
    cut = run_step("features/window", tmp_path, data=data, size=3, stride=2, mixed=mixed).windows.read()
    assert cut.features()[:, 0, 0].tolist() == starts
    assert cut.label().tolist() == labels and cut.classes == ["a", "b"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"size": 20}, "a window has 20 samples, but the longest recording has 6"),
        ({"size": 2.5}, "whole number of samples"),
        ({"size": 0.5}, "whole number of samples"),
        ({"size": 1, "unit": "seconds"}, "the data has no rate"),
    ],
)
def test_windows_that_cannot_be(tmp_path: Path, dataset: Make, inputs: dict[str, Any], said: str) -> None:
    data = dataset(recordings([6, 4]), roles={"series": "group"})
    with pytest.raises(BadInput, match=said):
        run_step("features/window", tmp_path, data=data, **inputs)


def test_a_label_that_always_changes(tmp_path: Path, dataset: Make) -> None:
    data = dataset({"x": np.arange(4), "y": [0, 1, 0, 1]}, roles={"y": "label"}, classes=["a", "b"])
    with pytest.raises(BadInput, match="changes in every window"):
        run_step("features/window", tmp_path, data=data, size=2)


def test_samples_that_are_missing(tmp_path: Path, dataset: Make) -> None:
    with pytest.raises(BadInput, match="'x' has 1 rows with empty"):
        run_step("features/window", tmp_path, data=dataset({"x": [1.0, np.nan, 2.0]}), size=2)
