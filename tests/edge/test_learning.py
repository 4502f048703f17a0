"""A learner at work on real rows: handwritten digits, by the workflow that users type, then without TensorFlow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lighterage.edge import BundleError, InputError
from lighterage.edge.learning import Learner, average
from lighterage.launching.columns import read_columns
from tests.conftest import Project

from .conftest import lighterage
from .forging import arrays

pytestmark = pytest.mark.tensorflow

TASKS = """
load: {uses: data/load@1, with: {source: "package:sklearn.digits"}}
split: {uses: data/split@1, with: {data: "${load.data}", seed: 7, fractions: {train: 0.5, test: 0.5}}}
prepared: {uses: features/standardize@1, with: {clip: 4, raw_train: "${split.train}", raw_test: "${split.test}"}}
train: {uses: train/keras@1, with: {train: "${prepared.train}", architecture: mlp, units: [32], epochs: 10}}
learner: {uses: edge/learn@1, with: {model: "${train.model}", data: "${prepared.train}", layers: 2}}
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The learner's folder, and raw rows that the model did not learn from."""
    folder = tmp_path_factory.mktemp("learner")
    project = Project(folder)
    told = json.loads(lighterage("run", project.workflow(TASKS), "--store", "store", "-o", "json", cwd=folder))
    for output in ("learner.learner", "split.test"):
        lighterage("get", told["run"], output, output, "--store", "store", cwd=folder)
    columns = read_columns(folder / "split.test")
    labels = np.array(columns.classes)[columns.label()]
    return SimpleNamespace(path=folder / "learner.learner", rows=columns.features(), labels=labels, folder=folder)


@pytest.fixture
def learner(shipped: SimpleNamespace) -> Learner:
    return Learner.load(shipped.path)


def accuracy(learner: Learner, rows: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean([one.label == label for one, label in zip(learner.predict(rows), labels, strict=True)]))


def outputs(learner: Learner, rows: np.ndarray) -> np.ndarray:
    return np.stack([one.outputs for one in learner.predict(rows)])


def test_it_learns_what_its_owner_means_and_forgets_it_again(learner: Learner, shipped: SimpleNamespace) -> None:
    """For this owner every digit is called by the next one's name."""
    rows, labels = shipped.rows, np.array([str((int(label) + 1) % 10) for label in shipped.labels])
    own, answers = learner.weights(), outputs(learner, rows)
    assert accuracy(learner, rows[450:], labels[450:]) < 0.1
    losses = learner.train(rows[:450], labels[:450], epochs=30)
    assert losses[-1] < losses[0] / 3
    assert accuracy(learner, rows[450:], labels[450:]) > 0.8

    learner.set_weights(own)
    assert np.array_equal(outputs(learner, rows), answers)


def test_it_verifies_itself_and_what_was_learnt_stays(learner: Learner, shipped: SimpleNamespace) -> None:
    learner.train(shipped.rows[:64], shipped.labels[:64])
    learnt = learner.weights()
    learner.verify()
    assert all(np.array_equal(learnt[name], array) for name, array in learner.weights().items())


@pytest.mark.parametrize("rows", [32, 5, 1])
def test_a_step_is_gradient_descent_on_the_rows_that_are_there(
    learner: Learner, shipped: SimpleNamespace, rows: int
) -> None:
    """Beside the same step in numpy: two dense layers, relu between them, cross-entropy over ``rows`` rows."""
    before = {name: array.astype(np.float64) for name, array in learner.weights().items()}
    values = learner.prepare(shipped.rows[:rows]).reshape(rows, -1).astype(np.float64)
    wanted = np.eye(10)[[learner.labels.index(label) for label in shipped.labels[:rows]]]
    hidden = np.maximum(values @ before["kernel_0"] + before["bias_0"], 0)
    powers = np.exp(hidden @ before["kernel_1"] + before["bias_1"])
    scores = powers / powers.sum(axis=1, keepdims=True)
    outer = (scores - wanted) / rows
    inner = outer @ before["kernel_1"].T * (hidden > 0)
    slopes = {
        "kernel_0": values.T @ inner,
        "bias_0": inner.sum(axis=0),
        "kernel_1": hidden.T @ outer,
        "bias_1": outer.sum(axis=0),
    }
    (loss,) = learner.train(shipped.rows[:rows], shipped.labels[:rows], rate=0.5)
    assert loss == pytest.approx(-np.log((scores * wanted).sum(axis=1)).mean(), abs=1e-5)
    for name, array in learner.weights().items():
        assert np.allclose(array, before[name] - 0.5 * slopes[name], atol=1e-5), name


def test_what_was_learnt_outlives_the_process(learner: Learner, shipped: SimpleNamespace, tmp_path: Path) -> None:
    learner.train(shipped.rows[:100], shipped.labels[:100], epochs=2)
    learner.save(tmp_path / "mine.npz")
    learner.save(tmp_path / "again.npz")
    other = Learner.load(shipped.path)
    other.restore(tmp_path / "mine.npz")
    assert np.array_equal(outputs(other, shipped.rows[:50]), outputs(learner, shipped.rows[:50]))
    assert (tmp_path / "mine.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.npz", "mine.npz"]


def test_weights_that_are_none(learner: Learner, tmp_path: Path) -> None:
    own = learner.weights()
    name = next(iter(own))
    for wrong in (
        {},
        {**own, "more": own[name]},
        own | {name: own[name][:-1]},
        own | {name: own[name].astype(np.float64)},
        own | {name: np.full_like(own[name], np.nan)},
    ):
        with pytest.raises(InputError):
            learner.set_weights(wrong)
    files = {
        "another model's": arrays(**own, model=np.array(["sha256:" + "0" * 64])),
        "no model's": arrays(**own),
        "a pickle": arrays(**own, model=np.array([{}], dtype=object)),
        "no zip": b"weights",
    }
    for what, content in files.items():
        (tmp_path / "state.npz").write_bytes(content)
        with pytest.raises(InputError):
            learner.restore(tmp_path / "state.npz")
            pytest.fail(what)
    assert all(np.array_equal(own[name], array) for name, array in learner.weights().items())


def test_what_it_must_not_learn_from(learner: Learner, shipped: SimpleNamespace) -> None:
    rows, labels, own = shipped.rows[:40], shipped.labels[:40], learner.weights()
    broken = rows.astype(np.float64).copy()
    broken[3] = np.nan
    for wrong in (
        {"rows": broken},
        {"rows": rows[:, 1:]},
        {"rows": rows[:0], "labels": labels[:0]},
        {"labels": labels[:-1]},
        {"labels": np.where(labels == labels[0], "eleven", labels)},
        {"labels": np.full(40, 10)},
        {"labels": np.full(40, 0.5)},
        {"batch": 33},
        {"rate": 0.0},
        {"rate": 1e30, "epochs": 5},
    ):
        with pytest.raises(InputError):
            learner.train(**{"rows": rows, "labels": labels} | wrong)
    assert all(np.array_equal(own[name], array) for name, array in learner.weights().items())


def test_a_damaged_file_is_no_learner(shipped: SimpleNamespace, tmp_path: Path) -> None:
    for name, kind in (
        ("model.tflite", "damaged-file"),
        ("golden.npz", "damaged-file"),
        ("model.json", "wrong-manifest"),
    ):
        folder = Path(shutil.copytree(shipped.path, tmp_path / name))
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2 if name != "model.json" else 0] ^= 1
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(content)
        with pytest.raises(BundleError) as caught:
            Learner.load(folder)
        assert caught.value.kind == kind


def test_two_learners_average_to_one(shipped: SimpleNamespace) -> None:
    """Each saw only some digits; what they share is weights, and knows more than either."""
    rows, names = shipped.rows[:600], shipped.labels[:600]
    start = Learner.load(shipped.path).weights()
    blank = {name: np.zeros_like(array) if name == "kernel_1" else array for name, array in start.items()}
    together, alone = blank, 0.0
    for _ in range(3):
        parts = []
        for mine in (names < "5", names >= "5"):
            one = Learner.load(shipped.path)
            one.set_weights(together)
            one.train(rows[mine], names[mine], epochs=3)
            parts.append((one.weights(), int(mine.sum())))
            alone = max(alone, accuracy(one, shipped.rows[600:], shipped.labels[600:]))
        together = average(parts)
    merged = Learner.load(shipped.path)
    merged.set_weights(together)
    assert accuracy(merged, shipped.rows[600:], shipped.labels[600:]) > alone
    with pytest.raises(InputError):
        average([(start, 3), ({"kernel_0": start["kernel_0"]}, 3)])


def test_the_example(shipped: SimpleNamespace) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "learn_on_device.py"
    command = [sys.executable, str(example), str(shipped.path), str(shipped.folder / "split.test")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    learnt, judged, before, after = map(float, done.stdout.split()[-4:])
    assert learnt + judged == len(shipped.rows) and min(before, after) > 0.8


ALONE = """
import json, sys
for name in ("tensorflow", "keras", "pydantic", "click"):
    sys.modules[name] = None                     # importing it fails
import numpy as np
from lighterage.edge.learning import Learner
learner, data = Learner.load(sys.argv[1]), np.load(sys.argv[2])
learner.verify()
print(json.dumps(learner.train(data["rows"], data["labels"], epochs=3)))
"""


def test_it_learns_where_there_is_no_tensorflow(shipped: SimpleNamespace, tmp_path: Path, learner: Learner) -> None:
    np.savez(tmp_path / "data.npz", rows=shipped.rows[:64], labels=shipped.labels[:64])
    command = [sys.executable, "-c", ALONE, str(shipped.path), str(tmp_path / "data.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == learner.train(shipped.rows[:64], shipped.labels[:64], epochs=3)
