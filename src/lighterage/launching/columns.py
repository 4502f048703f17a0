"""A dataset in memory: named columns of equal length, and what is known about them.

One form for all that a pipeline passes on: tables (one value a row), long sensor recordings (a row a sample), windows
``(rows, steps, channels)`` and images ``(rows, height, width, channels)``. On disk it is a folder of ``.npy`` files
and ``dataset.json``: no pickles, no dates, so equal data gives equal bytes, and columns can be mapped instead of read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..schemas import BadInput

FORMAT = "lighterage/dataset/1"
Role = Literal["feature", "label", "group", "time"]


@dataclass(frozen=True)
class Columns:
    """Columns by name, in order; each array's first dimension is the rows."""

    values: dict[str, np.ndarray]
    roles: dict[str, Role] = field(default_factory=dict)
    """what a column is for; `feature` where nothing is said"""
    classes: list[str] = field(default_factory=list)
    """names of the label's classes, in the order of the model's outputs"""
    rate_hz: float | None = None
    """samples a second, of sensor data"""
    preprocessing: list[dict[str, Any]] = field(default_factory=list)
    """what was done to the features so far, as data: a device must do the same"""
    source: str = ""
    """where the data came from, for the model card"""

    def __post_init__(self) -> None:
        lengths = {name: len(array) for name, array in self.values.items()}
        if len(set(lengths.values())) > 1:
            raise BadInput(f"columns have different numbers of rows: {lengths}")
        for name, array in self.values.items():
            if array.dtype.hasobject:
                raise BadInput(f"column {name!r} holds Python objects; only numbers, booleans and strings can be kept")

    @property
    def rows(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def named(self, role: Role) -> list[str]:
        """Names of the columns with that role."""
        return [name for name in self.values if self.roles.get(name, "feature") == role]

    def column(self, name: str) -> np.ndarray:
        """The column of that name. Raises BadInput, with the names there are."""
        if name not in self.values:
            near = get_close_matches(name, self.values, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.values) or 'none'}"
            raise BadInput(f"there is no column {name!r}; {hint}")
        return self.values[name]

    def features(self) -> np.ndarray:
        """All features as one array: a single column as it is, several 1-D columns side by side ``(rows, columns)``."""
        names = self.named("feature")
        if not names:
            raise BadInput("the dataset has no feature columns")
        if len(names) == 1 and self.values[names[0]].ndim > 1:
            return self.values[names[0]]
        wide = [name for name in names if self.values[name].ndim > 1]
        if wide:
            raise BadInput(f"columns {wide} have more than one value a row and cannot stand beside others as features")
        return np.stack([self.values[name] for name in names], axis=1)

    def inputs(self) -> np.ndarray:
        """The features as a model takes them: float32, ``(rows, …)``. Raises BadInput for text and for what is not finite."""
        for name in self.named("feature"):
            check_finite(name, self.values[name])
        return self.features().astype(np.float32)

    def label(self) -> np.ndarray:
        """The label column. Raises BadInput where there is none, or more than one."""
        names = self.named("label")
        if len(names) != 1:
            raise BadInput(f"one label column is needed, found {names or 'none'}")
        return self.values[names[0]]

    def spread(self, seed: int) -> np.ndarray:
        """Numbers of all rows in random order; where there are classes, these in turn, so that the first rows hold of each
        equally many as far as there are any."""
        order = np.random.default_rng(seed).permutation(self.rows)
        if not self.classes or not self.named("label"):
            return order
        labels = self.label()[order]
        turn = np.zeros(len(order), dtype=np.int64)  # a row's place among those of its class
        for code in np.unique(labels):
            turn[labels == code] = np.arange((labels == code).sum())
        return order[np.argsort(turn, kind="stable")]

    def take(self, rows: np.ndarray | slice) -> Columns:
        """The same columns with some of the rows: indices, a mask or a slice."""
        return self.with_values({name: array[rows] for name, array in self.values.items()})

    def with_values(self, values: dict[str, np.ndarray], **changes: Any) -> Columns:
        """The same dataset with other columns (and other facts: ``preprocessing=…``)."""
        return replace(self, values=values, **changes)


def check_finite(name: str, array: np.ndarray) -> None:
    """Raises BadInput for a column of text, and for one with empty, NaN or infinite values: how many, and the first row."""
    if array.dtype.kind not in "biuf":
        raise BadInput(
            f"column {name!r} holds {'text' if array.dtype.kind == 'U' else array.dtype}, but numbers are needed"
        )
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        rows = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))
        raise BadInput(
            f"column {name!r} has {len(rows)} rows with empty, NaN or infinite values, the first in row {rows[0]}"
        )


def write_columns(columns: Columns, folder: Path) -> None:
    """Writes ``dataset.json`` and one ``.npy`` a column into ``folder``, which is made."""
    (folder / "columns").mkdir(parents=True)
    described = []
    for number, (name, array) in enumerate(columns.values.items()):
        file = f"columns/{number:03d}.npy"
        np.save(folder / file, np.ascontiguousarray(array), allow_pickle=False)
        described.append(
            {
                "name": name,
                "file": file,
                "role": columns.roles.get(name, "feature"),
                "dtype": array.dtype.str,
                "shape": list(array.shape[1:]),
            }
        )
    about = {
        "format": FORMAT,
        "rows": columns.rows,
        "columns": described,
        "classes": columns.classes,
        "rate_hz": columns.rate_hz,
        "preprocessing": columns.preprocessing,
        "source": columns.source,
    }
    (folder / "dataset.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_columns(folder: Path, names: Iterable[str] | None = None) -> Columns:
    """Reads a dataset; the arrays are mapped, not loaded. Raises BadInput when the folder is not one."""
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"this folder is not a dataset: {error}") from None
    if about.get("format") != FORMAT:
        raise BadInput(f"this dataset has the format {about.get('format')!r}; {FORMAT!r} can be read")
    chosen = [column for column in about["columns"] if names is None or column["name"] in set(names)]
    return Columns(
        values={c["name"]: _map(folder / c["file"]) for c in chosen},
        roles={c["name"]: c["role"] for c in chosen},
        classes=about["classes"],
        rate_hz=about["rate_hz"],
        preprocessing=about["preprocessing"],
        source=about["source"],
    )


def _map(file: Path) -> np.ndarray:
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError:  # an empty array cannot be mapped
        return np.load(file, allow_pickle=False)
