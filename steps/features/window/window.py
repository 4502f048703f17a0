"""From a long table of samples to windows that a model can take."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput


def window(
    *, data: Dataset, windows: Dataset, size: float, unit: str, mixed: str, stride: float | None = None
) -> dict[str, int]:
    """Writes float32 windows ``(rows, steps, channels)``. Raises BadInput if every recording is too short."""
    columns = data.read()
    steps = in_samples("size", size, unit, columns.rate_hz)
    hop = in_samples("stride", stride, unit, columns.rate_hz) if stride is not None else steps
    for name in columns.named("feature"):
        if columns.values[name].ndim > 1:
            raise BadInput(f"column {name!r} has several values a row; windows are cut from single samples")
    samples = columns.inputs()
    order, recordings = find_recordings(columns)
    starts = [np.arange(first, end - steps + 1, hop) for first, end in recordings if end - first >= steps]
    if not starts:
        longest = max((end - first for first, end in recordings), default=0)
        raise BadInput(f"a window has {steps} samples, but the longest recording has {longest}")
    rows = order[np.concatenate(starts)[:, None] + np.arange(steps)]
    values: dict[str, np.ndarray] = {"window": samples[rows]}
    for name in [*columns.named("group"), *columns.named("time")]:
        values[name] = columns.values[name][rows[:, 0]]
    if columns.named("label"):
        values, rows = _with_label(values, columns, rows, mixed)
    entry = {
        "op": "window",
        "size": steps,
        "stride": hop,
        "rate_hz": columns.rate_hz,
        "channels": columns.named("feature"),
    }
    windows.write(columns.with_values(values, preprocessing=[*columns.preprocessing, entry]))
    return {"rows": len(rows)}


def in_samples(what: str, length: float, unit: str, rate_hz: float | None) -> int:
    """A length as a whole number of samples. Raises BadInput when it is none, or the rate is not known."""
    if unit == "seconds":
        if rate_hz is None:
            raise BadInput(f"{what} is in seconds, but the data has no rate; give data/load its `rate_hz`")
        length = length * rate_hz
    samples = round(length)
    if samples < 1 or abs(samples - length) > 1e-6 * max(length, 1):
        raise BadInput(f"{what} must be a whole number of samples, at least 1, not {length:g}")
    return samples


def find_recordings(columns: Columns) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The rows, recording after recording in the order of time, and where each starts and ends in that order.

    A recording ends where a group column changes, and where time jumps (by over 1.5 times the usual step).
    """
    recording = np.zeros(columns.rows, dtype=np.int64)
    for name in columns.named("group"):
        _, codes = np.unique(columns.values[name], return_inverse=True)
        _, recording = np.unique(recording * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    time = columns.values[columns.named("time")[0]] if columns.named("time") else np.arange(columns.rows)
    order = np.lexsort((time, recording))
    border = np.diff(recording[order]) != 0
    if columns.named("time"):
        passed = np.diff(time[order])
        usual = np.median(passed[~border]) if (~border).any() else 0.0
        border |= (passed > 1.5 * usual) | (passed < 0)
    cuts = [0, *(np.flatnonzero(border) + 1).tolist(), columns.rows]
    return order, list(pairwise(cuts))


def _with_label(
    values: dict[str, np.ndarray], columns: Columns, rows: np.ndarray, mixed: str
) -> tuple[dict[str, Any], np.ndarray]:
    name, label = columns.named("label")[0], columns.label()
    labels = label[rows]
    pure = (labels == labels[:, :1]).all(axis=1)
    if mixed == "majority":
        values[name] = np.array([_commonest(row) for row in labels], dtype=label.dtype)
        return values, rows
    if not pure.any():
        raise BadInput(f"{name!r} changes in every window; shorter windows, or `mixed: majority`, keep some")
    if not pure.all():
        print(f"left out {(~pure).sum()} of {len(pure)} windows in which {name!r} changes")
    return {n: array[pure] for n, array in values.items()} | {name: labels[pure, 0]}, rows[pure]


def _commonest(labels: np.ndarray) -> Any:
    values, counts = np.unique(labels, return_counts=True)
    return values[np.argmax(counts)]
