"""A model that learns from its wearer: `python examples/learn_on_device.py LEARNER DATASET --owner subject`.

LEARNER is what `edge/learn` wrote, DATASET raw rows as before `features/standardize`. For each owner it learns from the
first part of what they did, and is judged by the rest. No TensorFlow.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from lighterage.edge.learning import Learner

SHARE = 0.3
"""of each owner's rows of each class, the first ones, to learn from"""


def main() -> None:
    given = _arguments()
    columns = _columns(given.dataset)
    rows, labels = columns["feature"], columns["label"]
    owners = columns[given.owner] if given.owner else np.zeros(len(rows), int)
    learner = Learner.load(given.learner)
    learner.verify()
    own = learner.weights()
    print("owner  learnt  judged  before  after")
    for owner in np.unique(owners):
        mine = np.flatnonzero(owners == owner)
        first = np.concatenate([part[: round(len(part) * SHARE)] for part in _by_label(mine, labels)])
        rest = np.setdiff1d(mine, first)
        learner.set_weights(own)
        before = accuracy(learner, rows[rest], labels[rest])
        learner.train(rows[first], labels[first], epochs=20, rate=0.03)
        after = accuracy(learner, rows[rest], labels[rest])
        print(f"{owner!s:5}  {len(first):6}  {len(rest):6}  {before:6.3f}  {after:5.3f}")


def accuracy(learner: Learner, rows: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows that it tells right."""
    told = [one.label for one in learner.predict(rows)]
    return float(np.mean([learner.labels[label] == one for label, one in zip(labels, told, strict=True)]))


def _by_label(rows: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return [rows[labels[rows] == label] for label in np.unique(labels[rows])]


def _columns(folder: Path) -> dict[str, np.ndarray]:
    """Columns of a dataset's folder by name; the one feature and the label by what they are."""
    about = json.loads((folder / "dataset.json").read_text())
    arrays = {one["name"]: np.load(folder / one["file"], mmap_mode="r") for one in about["columns"]}
    return arrays | {one["role"]: arrays[one["name"]] for one in about["columns"]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("learner", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--owner", metavar="COLUMN", help="learn for each value of it anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
