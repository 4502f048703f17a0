"""Real rows whose extremes set the range that integers have to cover."""

from __future__ import annotations

import hashlib

import numpy as np

from lighterage.launching.artifacts import Dataset, Model
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput


def calibration_rows(model: Model, data: Dataset, wanted: int, seed: int) -> np.ndarray:
    """Some rows, float32. Raises BadInput for rows that are none, were prepared otherwise, or are not finite."""
    columns = data.read()
    rows = pick_rows(columns, model.inputs_from(columns), wanted, seed)
    if not len(rows):
        raise BadInput("there are no calibration rows")
    return rows


def pick_rows(columns: Columns, inputs: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Of every class equally many as far as there are any, in random order."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    if columns.classes and columns.named("label"):
        labels = columns.label()[order]
        turn = np.zeros(len(order), dtype=np.int64)  # a row's place among those of its class
        for code in np.unique(labels):
            turn[labels == code] = np.arange((labels == code).sum())
        order = order[np.argsort(turn, kind="stable")]
    return inputs[order[:wanted]]


def digest(rows: np.ndarray) -> str:
    """Of the values as the model gets them, in the order they were used."""
    return "sha256:" + hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()
