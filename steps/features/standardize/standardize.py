"""Standard scores, with the figures written down so that a device can do the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput


def standardize(
    *,
    raw_train: Dataset,
    raw_test: Dataset,
    train: Dataset,
    validation: Dataset,
    test: Dataset,
    per: str,
    raw_validation: Dataset | None = None,
    clip: float | None = None,
) -> None:
    """Writes each part that was given, as float32. Raises BadInput for text and for what is not finite."""
    columns = raw_train.read()
    features = columns.named("feature")
    entry = measure(columns, per) | ({} if clip is None else {"clip": float(clip)})
    for source, target in ((raw_train, train), (raw_validation, validation), (raw_test, test)):
        if source is None:
            continue
        part = source.read()
        if part.named("feature") != features:
            raise BadInput(f"the parts do not have the same features: {features} and {part.named('feature')}")
        target.write(apply(part, entry))


def measure(columns: Columns, per: str) -> dict[str, Any]:
    """The entry for `preprocessing`: mean and standard deviation of what ``Columns.features`` gives."""
    features = _finite(columns)
    axes = tuple(range(features.ndim - 1)) if per == "channel" else (0,)
    mean, std = features.mean(axis=axes), features.std(axis=axes)
    std = np.where(std > 1e-12 * np.maximum(np.abs(mean), 1), std, 1.0)  # a constant becomes 0, not noise
    return {"op": "standardize", "per": per, "mean": mean.tolist(), "std": std.tolist()}


def apply(columns: Columns, entry: dict[str, Any]) -> Columns:
    """The features less the mean, by the deviation, within the limit if any; other columns as they are."""
    names = columns.named("feature")
    features = _finite(columns)
    scaled = ((features - np.array(entry["mean"])) / np.array(entry["std"])).astype(np.float32)
    if "clip" in entry:
        scaled = scaled.clip(-entry["clip"], entry["clip"])
    parts = [scaled] if len(names) == 1 and columns.values[names[0]].ndim > 1 else list(scaled.T)
    values = columns.values | dict(zip(names, parts, strict=True))
    return columns.with_values(values, preprocessing=[*columns.preprocessing, entry])


def _finite(columns: Columns) -> np.ndarray:
    columns.inputs()
    return columns.features().astype(np.float64)
