"""Inputs that prove on a device that the model runs there as it did here."""

from __future__ import annotations

import numpy as np

from lighterage.launching.columns import Columns

KERNELS = "BUILTIN_REF"
"""The reference kernels: other runtimes give the same int8 results bit by bit; XNNPACK's differ a little."""


def pick_rows(columns: Columns, inputs: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Some rows, classes in turn where there are classes."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    if columns.classes and columns.named("label"):
        labels = columns.label()[order]
        turn = np.zeros(len(order), np.int64)  # a row's place among those of its class
        for code in np.unique(labels):
            turn[labels == code] = np.arange((labels == code).sum())
        order = order[np.argsort(turn, kind="stable")]
    return inputs[order[:wanted]]
