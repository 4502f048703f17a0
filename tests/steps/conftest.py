"""Small datasets of every form, written where a test wants them."""

from __future__ import annotations

import faulthandler
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run_step

from lighterage.launching.artifacts import Dataset, Model
from lighterage.launching.columns import Columns

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

Make = Callable[..., Dataset]


@pytest.fixture
def dataset(tmp_path: Path) -> Make:
    """``dataset({"x": …}, roles={…}, classes=[…])`` -> a written Dataset."""
    numbers = itertools.count()
    return lambda values, **facts: write_dataset(tmp_path / f"dataset-{next(numbers)}", values, **facts)


def write_dataset(folder: Path, values: dict[str, Any], **facts: Any) -> Dataset:
    one = Dataset(folder, type="dataset")
    one.write(Columns({name: np.asarray(array) for name, array in values.items()}, **facts))
    return one


def blobs(
    folder: Path, rows: int, seed: int = 0, *, shape: tuple[int, ...] = (4,), classes: int = 3, entry: str = "none"
) -> Dataset:
    """Rows that are easy to tell apart: each class has a centre of its own."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    centres = np.random.default_rng(99).normal(0, 2, (classes, *shape))
    values = (centres[labels] + random.normal(0, 0.5, (rows, *shape))).astype(np.float32)
    return write_dataset(
        folder,
        {"x": values, "kind": labels},
        roles={"kind": "label"},
        classes=[f"kind {number}" for number in range(classes)],
        preprocessing=[{"op": entry}] if entry != "none" else [],
        source="blobs",
    )


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A conv1d model for windows of 16 steps and 3 channels, `blobs` of three kinds."""
    folder = tmp_path_factory.mktemp("small-model")
    train = blobs(folder / "train", 300, shape=(16, 3))
    return run_step(
        "train/keras", folder, train=train, architecture="conv1d", units=[16, 32], epochs=4, learning_rate=0.01
    ).model


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, small_model: Model) -> Model:
    """`small_model` as float32 TFLite."""
    folder = tmp_path_factory.mktemp("converted")
    return run_step("edge/convert", folder, model=small_model, data=blobs(folder / "rows", 60, 5, shape=(16, 3))).tflite


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory, converted: Model) -> dict[str, Model]:
    """Variants of `converted` by name."""
    folder = tmp_path_factory.mktemp("variants")
    rows = blobs(folder / "rows", 120, 1, shape=(16, 3))
    names = ("float32", "float16", "dynamic_int8", "weight_int8", "int8", "int16x8")
    return {
        name: run_step("edge/quantize", folder, model=converted, variant=name, calibration=rows).tflite
        for name in names
    }


@pytest.fixture
def silent() -> Iterator[None]:
    """Without the stacks that a dying child would write."""
    faulthandler.disable()
    yield
    faulthandler.enable()
