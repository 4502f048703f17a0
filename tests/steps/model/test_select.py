from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import run_step

from lighterage.launching.artifacts import Metrics, Model
from lighterage.schemas import BadInput


def candidates(tmp_path: Path, *scores: tuple[dict[str, Any], int]) -> dict[str, Any]:
    """Models of so many bytes, with their metrics."""
    models, metrics = [], []
    for number, (reached, size) in enumerate(scores):
        folder = tmp_path / f"model-{number}"
        folder.mkdir()
        (folder / "model.weights.h5").write_bytes(b"w" * size)
        (folder / "model.json").write_text(json.dumps({"number": number}))
        file = tmp_path / f"metrics-{number}.json"
        file.write_text(json.dumps(reached))
        models.append(Model(folder))
        metrics.append(Metrics(file))
    return {"models": models, "metrics": metrics}


def test_the_best_is_copied_with_its_metrics(tmp_path: Path) -> None:
    given = candidates(tmp_path, ({"accuracy": 0.8}, 5), ({"accuracy": 0.9}, 9), ({"accuracy": 0.7}, 1))
    best = run_step("model/select", tmp_path, **given)
    assert (best.index, best.score) == (1, 0.9)
    assert best.model.about() == {"number": 1}
    assert best.best_metrics.read() == {"accuracy": 0.9}


def test_less_may_be_better(tmp_path: Path) -> None:
    given = candidates(tmp_path, ({"loss": 0.8}, 5), ({"loss": 0.2}, 9))
    assert run_step("model/select", tmp_path, **given, by="loss", goal="min").index == 1


def test_of_equals_the_smallest_then_the_first(tmp_path: Path) -> None:
    given = candidates(tmp_path, ({"accuracy": 0.9}, 9), ({"accuracy": 0.9}, 5), ({"accuracy": 0.9}, 5))
    assert run_step("model/select", tmp_path, **given).index == 1


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"f1": 0.9, "name": "x"}, "model 1 has no number 'accuracy' in its metrics: f1"),
        ({"accuracy": "high"}, "no number 'accuracy'"),
        ({"accuracy": True}, "no number 'accuracy'"),
        ({}, "none"),
    ],
)
def test_a_model_without_the_metric(tmp_path: Path, metrics: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run_step("model/select", tmp_path, **candidates(tmp_path, ({"accuracy": 0.5}, 1), (metrics, 1)))


def test_models_without_metrics(tmp_path: Path) -> None:
    given = candidates(tmp_path, ({"accuracy": 0.5}, 1), ({"accuracy": 0.6}, 1))
    with pytest.raises(BadInput, match="2 models, but metrics of 1"):
        run_step("model/select", tmp_path, models=given["models"], metrics=given["metrics"][:1])


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, lighterage.steps.model.select.select; print({'keras', 'numpy'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "set()\n"
