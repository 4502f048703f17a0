"""A model's answers beside those of the model it stands for, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lighterage.schemas import BadInput

SAME = 1e-5
"""largest difference of a float32 file to its reference; relative where outputs are larger than 1"""
MOST_SLICES = 100


@dataclass(frozen=True)
class Judge:
    """Rows with their labels, and what the reference answered. ``classes`` is empty for a quantity."""

    labels: np.ndarray
    reference: np.ndarray
    classes: list[str]
    slices: np.ndarray | None
    """a value for each row: figures are given for the rows of each value too"""

    def figures(self, outputs: np.ndarray) -> dict[str, Any]:
        """Accuracy (R² of a quantity), its drop, agreement, rows lost and gained, largest difference; by slice too."""
        figures = self._paired(outputs, slice(None)) | {"max_abs_diff": float(np.abs(outputs - self.reference).max())}
        if self.slices is None:
            return figures
        by_slice = {str(value): self._paired(outputs, self.slices == value) for value in np.unique(self.slices)}
        worst = max(by_slice, key=lambda value: by_slice[value]["accuracy_drop"])
        return figures | {
            "slices": by_slice,
            "worst_slice": worst,
            "worst_slice_drop": by_slice[worst]["accuracy_drop"],
        }

    def _paired(self, outputs: np.ndarray, rows: Any) -> dict[str, Any]:
        ours, theirs, labels = outputs[rows], self.reference[rows], self.labels[rows]
        if self.classes:
            return {"rows": len(labels)} | _classes(ours.argmax(axis=1), theirs.argmax(axis=1), labels)
        spread = float(((self.labels - self.labels.mean()) ** 2).mean())  # of all rows: a slice's own may be nothing
        score, was = _r2(ours[:, 0], labels, spread), _r2(theirs[:, 0], labels, spread)
        return {"rows": len(labels), "accuracy": score, "accuracy_drop": was - score}

    def accuracy(self) -> float:
        """The reference's."""
        return float(self._paired(self.reference, slice(None))["accuracy"])

    def check_labels(self) -> None:
        """Raises BadInput for labels that cannot be those of this model: it would be better to guess."""
        if not self.classes:
            return
        count, guess = len(self.labels), 1 / len(self.classes)
        if self.accuracy() < guess - 3 * (guess * (1 - guess) / count) ** 0.5:
            raise BadInput(
                f"the reference is right for {self.accuracy():.1%} of the rows, where guessing is right for {guess:.1%}: "
                "these are not its labels, or not in the order of its classes, or it learned nothing"
            )

    def differs(self, outputs: np.ndarray) -> float | None:
        """By how much outputs are not the reference's; None where they are as good as equal."""
        difference = float(np.abs(outputs - self.reference).max())
        return difference if difference > SAME * max(1.0, float(np.abs(self.reference).max())) else None


def _classes(ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Paired on the same rows: a drop of nothing can hide as many rows lost as gained."""
    right, was_right = ours == labels, theirs == labels
    lost, gained = int((was_right & ~right).sum()), int((right & ~was_right).sum())
    return {
        "accuracy": float(right.mean()),
        "accuracy_drop": (lost - gained) / len(labels),
        "agreement": float((ours == theirs).mean()),
        "lost": lost,
        "gained": gained,
    }


def _r2(predicted: np.ndarray, labels: np.ndarray, spread: float) -> float:
    return float(1 - ((labels - predicted) ** 2).mean() / spread) if spread else 0.0


def check_slices(name: str, values: np.ndarray) -> np.ndarray:
    """Raises BadInput for a column that does not part the rows into a few groups."""
    if values.ndim != 1:
        raise BadInput(f"the column {name!r} has more than one value a row; it cannot part the rows into slices")
    if (count := len(np.unique(values))) > MOST_SLICES:
        raise BadInput(f"the column {name!r} has {count} different values, more than {MOST_SLICES} slices")
    return np.asarray(values)
