"""Chooses among models without loading one."""

from __future__ import annotations

import math
import shutil
from typing import Any

from lighterage.launching.artifacts import Metrics, Model
from lighterage.schemas import BadInput


def select(
    *, models: list[Model], metrics: list[Metrics], model: Model, best_metrics: Metrics, by: str, goal: str
) -> dict[str, Any]:
    """Copies the best model; of equals the smallest, then the first. Raises BadInput if one has no score."""
    if len(models) != len(metrics):
        raise BadInput(f"there are {len(models)} models, but metrics of {len(metrics)}")
    scores = [score_of(one.read(), by, number) for number, one in enumerate(metrics)]
    sign = -1 if goal == "max" else 1
    sizes = [size_of(one) for one in models]
    index = min(range(len(models)), key=lambda number: (sign * scores[number], sizes[number], number))
    for number, (score, size) in enumerate(zip(scores, sizes, strict=True)):
        print(f"{'*' if number == index else ' '} model {number}: {by} {score:.4f}, {size} bytes")
    shutil.copytree(models[index].path, model.path, copy_function=shutil.copyfile)  # not the read-only modes
    shutil.copyfile(metrics[index].path, best_metrics.path)
    return {"index": index, "score": scores[index]}


def score_of(metrics: dict[str, Any], by: str, number: int) -> float:
    """The metric as a finite number."""
    score = metrics.get(by)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not math.isfinite(score):
        numbers = sorted(name for name, value in metrics.items() if isinstance(value, (int, float)))
        raise BadInput(f"model {number} has no number {by!r} in its metrics: {', '.join(numbers) or 'none'}")
    return float(score)


def size_of(model: Model) -> int:
    """Bytes of a model, from its reference where there is one."""
    if model.size is not None:
        return model.size
    return sum(file.stat().st_size for file in model.path.rglob("*") if file.is_file())
