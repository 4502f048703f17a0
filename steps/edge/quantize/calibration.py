"""Real rows whose extremes set the range that integers have to cover."""

from __future__ import annotations

import hashlib

import numpy as np

from lighterage.launching.artifacts import Dataset, Model
from lighterage.schemas import BadInput


def calibration_rows(model: Model, data: Dataset, wanted: int, seed: int) -> np.ndarray:
    """Some rows of every class, float32. Raises BadInput for rows that are none, were prepared otherwise, or are not finite."""
    columns = data.read()
    rows = model.inputs_from(columns)[columns.spread(seed)[:wanted]]
    if not len(rows):
        raise BadInput("there are no calibration rows")
    return rows


def digest(rows: np.ndarray) -> str:
    """Of the values as the model gets them, in the order they were used."""
    return "sha256:" + hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()
