"""`examples/node`: bundles in Node, where LiteRT is WebAssembly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lighterage.edge import Bundle

from . import tiny
from .apps import EXAMPLES, done, lines_of, node_modules, program, raw_rows
from .forging import inside, unpacked

RUN = EXAMPLES / "node" / "run.mjs"


def node(*words: str | Path, code: int = 0) -> Any:
    """What the example tells as JSON; its words on stderr where it fails."""
    modules = node_modules()
    ended = done(program("node", "nodejs"), RUN, *words, "--json", code=code, LIGHTERAGE_NODE_MODULES=modules)
    return json.loads(ended.stdout) if ended.stdout else ended.stderr


def test_the_lock_file_pins_every_package_and_names_no_registry() -> None:
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())
    wanted = json.loads((EXAMPLES / "node" / "package.json").read_text())["dependencies"]
    packages = {name.removeprefix("node_modules/"): one for name, one in lock["packages"].items() if name}
    assert wanted and all(packages[name]["version"] == version for name, version in wanted.items())
    assert all("resolved" not in one and one["integrity"].startswith("sha512-") for one in packages.values())


def test_rows_of_a_table(tmp_path: Path) -> None:
    standardize = {"op": "standardize", "per": "feature", "mean": [0.25] * 64, "std": [0.5] * 64, "clip": 3.0}
    features = [f"x{place}" for place in range(64)]
    path = tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1), features=features, preprocessing=[standardize])
    bundle = Bundle.load(path)
    rows = raw_rows(bundle, 20)
    (tmp_path / "rows.csv").write_text(
        f"{','.join(features[::-1])}\n{lines_of(rows[:, ::-1])}"
    )  # by name, not by place

    told = node(path, tmp_path / "rows.csv")
    expected = bundle.predict(rows)
    assert [one["label"] for one in told["answers"]] == [one.label for one in expected]
    assert [one["score"] for one in told["answers"]] == pytest.approx([one.score for one in expected], abs=1e-5)
    assert told["golden"]["same_answer"] == 4 and told["golden"]["max_abs_diff"] < 1e-5


def test_a_bundle_that_computes_otherwise_answers_nothing(tmp_path: Path) -> None:
    told = node(tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1), golden=0.01), code=1)
    assert not told["golden"]["ok"] and told["golden"]["max_abs_diff"] == pytest.approx(0.01, rel=1e-3)
    assert told["answers"] == []


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "labels.txt", "golden.npz"])
def test_a_flipped_byte_is_seen(tmp_path: Path, name: str) -> None:
    path = tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1))
    content, part = bytearray(path.read_bytes()), inside(path, name)
    content[content.index(part) + len(part) // 2] ^= 0xFF
    path.write_bytes(content)
    told = node(path, code=2)
    assert name == "manifest.json" or f"{name} is not what the manifest says" in told


def test_what_is_no_bundle_and_what_is_compressed(tmp_path: Path) -> None:
    path = tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1))
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-30])
    assert "directory is damaged" in node(tmp_path / "cut.zip", code=2)  # it ends in that of golden.npz
    shutil.make_archive(str(tmp_path / "packed"), "zip", unpacked(path, tmp_path / "folder"))
    assert "is compressed" in node(tmp_path / "packed.zip", code=2)
    assert "nowhere.zip" in node(tmp_path / "nowhere.zip", code=2)


def test_preprocessing_of_tomorrow_is_refused(tmp_path: Path) -> None:
    path = tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1), preprocessing=[{"op": "spectrogram"}])
    assert "spectrogram, which this example does not know" in node(path, code=2)


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path) -> None:
    ended = done(program("node", "nodejs"), RUN, "b.zip", code=3, LIGHTERAGE_NODE_MODULES=tmp_path)
    assert "npm ci" in ended.stderr


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "name", ["motion-float32", "motion-int8", "digits-int8", "digits-dynamic-int8", "diabetes-float32"]
)
def test_every_variant_answers_as_in_python(
    bundles: dict[str, Path], judged: dict[str, SimpleNamespace], tmp_path: Path, name: str
) -> None:
    bundle = Bundle.load(bundles[name])
    rows = judged[name.split("-")[0]].raw.features()[:40].astype(np.float64)
    values = rows[0].size
    names = bundle.features if len(bundle.features) == values else [f"value {place}" for place in range(values)]
    (tmp_path / "rows.csv").write_text(f"{','.join(names)}\n{lines_of(rows)}")

    told = node(bundles[name], tmp_path / "rows.csv")
    expected = bundle.predict(rows)
    golden = told["golden"]
    assert golden["ok"] and golden["same_answer"] == golden["rows"] and told["call_us"] > 0
    same = [one["label"] == other.label for one, other in zip(told["answers"], expected, strict=True)]
    scores = np.array([[one["score"], other.score] for one, other in zip(told["answers"], expected, strict=True)])
    assert np.mean(same) >= 0.975 and np.abs(np.diff(scores)).max() <= golden["tolerance"]


@pytest.mark.tensorflow
def test_a_sensors_samples_are_cut_to_windows(bundles: dict[str, Path], tmp_path: Path) -> None:
    bundle = Bundle.load(bundles["motion-float32"])
    assert bundle.window
    samples = np.random.default_rng(1).normal(size=(420, 6))
    (tmp_path / "samples.csv").write_text(f"{','.join(bundle.window.channels)}\n{lines_of(samples)}")
    answers = node(bundles["motion-float32"], tmp_path / "samples.csv")["answers"]
    expected = bundle.stream().feed(samples)
    assert [(one["at"], one["label"]) for one in answers] == [(one.at, one.label) for one in expected]
    assert [one["score"] for one in answers] == pytest.approx([one.score for one in expected], abs=1e-5)
