"""Runs the first stages of the chain, and judges what could be done without the last one."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.edge import Bundle
from lighterage.edge.wiring import Crop, Stage, read_stages
from lighterage.launching.artifacts import Artifact, Dataset
from lighterage.launching.columns import Columns

CLOSE = 6
"""Pixels: a cell beside the right one is still close enough to read."""


def scores(
    *, find: Artifact, read: Artifact, stages: list[dict[str, Any]], countries: Dataset, scores: Dataset
) -> dict[str, float]:
    """Writes the scores ``left_0`` to ``right_9`` of each scene; returns what they are good for as they are."""
    given = countries.read()
    scenes, numbers = np.asarray(given.features()), np.array([int(name.split()[0]) for name in given.classes])
    finding, reading = read_stages(stages)[:2]
    maps = _answers(finding, find, scenes, {})
    digits = _answers(reading, read, scenes, maps)[reading.name]
    left, right = digits[:, 0], digits[:, 1]
    values = {
        f"{side}_{digit}": column
        for side, ten in (("left", left), ("right", right))
        for digit, column in enumerate(ten.T)
    }
    kept = {name: given.values[name] for name in given.named("label")}
    scores.write(Columns({**values, **kept}, roles=given.roles, classes=given.classes, source=given.source))
    truth = numbers[given.label()]
    best = numbers[(left[:, numbers // 10] * right[:, numbers % 10]).argmax(axis=1)]
    return {
        "found": _share(_close(reading.crop, maps[finding.name], given)),
        "naive": _share(left.argmax(axis=1) * 10 + right.argmax(axis=1) == truth),
        "listed": _share(best == truth),
    }


def _answers(
    stage: Stage, artifact: Artifact, scenes: np.ndarray, before: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The outputs of the stages ``before`` and of this one, ``(rows, parts, outputs)``."""
    fed = stage.rows(scenes, before)
    answers = Bundle.load(artifact.path).predict(fed.reshape(-1, *fed.shape[2:]))
    outputs = np.stack([one.outputs for one in answers])
    return {**before, stage.name: outputs.reshape(len(scenes), stage.parts, -1)}


def _close(crop: Crop | None, found: np.ndarray, given: Columns) -> np.ndarray:
    """For which scenes the crop is where the number is, give or take some pixels."""
    assert crop is not None and crop.grid is not None, "the second stage of this workflow cuts at the first one's map"
    row, column = np.divmod(found[:, 0].argmax(axis=1), crop.grid[1])
    off_top = row * crop.stride[0] + crop.offset[0] - given.column("top")
    off_left = column * crop.stride[1] + crop.offset[1] - given.column("left")
    return (abs(off_top) <= CLOSE) & (abs(off_left) <= CLOSE)


def _share(right: np.ndarray) -> float:
    return float(right.mean())
