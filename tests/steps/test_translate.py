from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import STEPS
from test_workflows import of, run

from lighterage.edge import Bundle
from lighterage.launching.columns import Columns, read_columns

TRANSLATE = STEPS.parent / "workflows" / "translate.yaml"


def got(store: Path, result: dict[str, Any], output: str) -> Path:
    """An output of a task, copied out of the store."""
    target = store.parent / output
    command = ["get", result["run"], output, str(target), "--store", str(store)]
    subprocess.run([sys.executable, "-m", "lighterage", *command], check=True, capture_output=True)
    return target


def test_scenes_are_what_their_labels_say(tmp_path: Path) -> None:
    for library in ("mlxtend", "sklearn", "PIL"):
        pytest.importorskip(library)
    store = tmp_path / "store"
    result = run(TRANSLATE, store, "-p", "scenes=120", "--until", "train-scenes")
    places, crops, countries = (
        read_columns(got(store, result, f"train-scenes.{output}")) for output in ("positions", "crops", "countries")
    )

    assert len(countries.classes) == 44 and len(set(countries.label())) > 30
    scenes = np.asarray(countries.features())
    assert scenes.shape == (120, 64, 96, 1) and np.array_equal(scenes, places.features())
    digits = np.asarray(crops.features()).reshape(120, 2, 28, 28)
    for row in range(120):
        code = countries.values["code"][row]
        assert countries.classes[countries.label()[row]].startswith(f"{code} ")
        assert crops.label()[2 * row : 2 * row + 2].tolist() == [code // 10, code % 10]
        top, left = int(countries.values["top"][row]), int(countries.values["left"][row])
        assert places.classes[places.label()[row]] == f"{(top + 14) // 4},{(left + 28) // 4}"
        assert is_near(scenes[row, :, :, 0], np.concatenate(digits[row], axis=1), top, left)


def is_near(scene: np.ndarray, number: np.ndarray, top: int, left: int) -> bool:
    """Whether both crops, side by side, are in the scene at most 3 pixels from there."""
    return any(
        np.array_equal(scene[y : y + 28, x : x + 56], number)
        for y in range(max(top - 3, 0), top + 4)
        for x in range(max(left - 3, 0), left + 4)
    )


def test_parts_of_the_scenes_share_nothing(tmp_path: Path) -> None:
    """Digits come from parts of a split, backgrounds from strips of the photos that do not overlap."""
    import yaml

    tasks = yaml.safe_load(TRANSLATE.read_text(encoding="utf-8"))["tasks"]
    given = [tasks[f"{part}-scenes"]["with"] for part in ("train", "validation", "test")]
    assert [one["digits"] for one in given] == ["${split.train}", "${rest.train}", "${rest.test}"]
    assert tasks["rest"]["with"]["data"] == "${split.test}"
    edges = [edge for one in given for edge in (one["start"], one["end"])]
    assert edges == sorted(edges)


@pytest.mark.tensorflow
def test_three_models_in_one_bundle(tmp_path: Path) -> None:
    for library in ("mlxtend", "sklearn", "PIL"):
        pytest.importorskip(library)
    store = tmp_path / "store"
    result = run(TRANSLATE, store, "-p", "scenes=800", "-p", "epochs=3")

    assert {one["status"] for one in result["tasks"]} == {"succeeded"}
    outputs = result["outputs"]
    assert outputs["naive"] < outputs["decided"]  # digits read wrongly often make a code that no country has
    bundle = Bundle.load(got(store, result, "chain.bundle"))
    assert list(bundle.stages) == ["find", "read", "decide"] and bundle.verify().ok

    scenes: Columns = read_columns(got(store, result, "test-scenes.countries"))
    answers = bundle.predict(scenes.features()[:200])
    truth = [scenes.classes[code] for code in scenes.label()[:200]]
    right = np.mean([one.label == said for one, said in zip(answers, truth, strict=True)])
    assert right == pytest.approx(of(result, "decide-edge--choose")["outputs"]["accuracy"], abs=0.1)
