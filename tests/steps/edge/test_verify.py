from __future__ import annotations

import faulthandler
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs, write_dataset
from running import STEPS, run_step
from surgery import Cut, endless, killing, nan_weights, operate, other_weights

from lighterage.launching.artifacts import Dataset, Model
from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow

Variants = dict[str, Model]


@pytest.fixture
def rows(tmp_path: Path) -> Dataset:
    """Of three kinds, so blurred that no model is right for all of them; taken on two days, the second worse."""
    data = blobs(tmp_path / "clear", 240, 2, shape=(16, 3)).read()
    day = np.repeat([1, 2], 120)
    noise = np.random.default_rng(3).normal(0, 1, (240, 16, 3)) * np.where(day == 1, 4, 12)[:, None, None]
    values = {"x": (data.values["x"] + noise).astype(np.float32), "kind": data.label(), "day": day}
    return write_dataset(tmp_path / "rows", values, roles={"kind": "label", "day": "group"}, classes=data.classes)


@pytest.fixture
def quiet_crashes() -> Iterator[None]:
    """Without every thread's stack in the terminal."""
    was_on = faulthandler.is_enabled()
    faulthandler.disable()
    yield
    if was_on:
        faulthandler.enable()


def verify(tmp_path: Path, models: list[Model], reference: Model, data: Dataset, **inputs: Any) -> SimpleNamespace:
    return run_step("edge/verify", tmp_path, models=models, reference=reference, data=data, **inputs)


def test_figures_are_paired_with_the_reference(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    report = verify(tmp_path, list(variants.values()), converted, rows).report.read()

    assert report["rows"] == 240 and 0.5 < report["source"]["accuracy"] < 1
    assert {name: one["status"] for name, one in report["variants"].items()} == dict.fromkeys(variants, "proven")
    for one in report["variants"].values():
        assert one["accuracy_drop"] == pytest.approx((one["lost"] - one["gained"]) / 240)
        assert one["accuracy"] == pytest.approx(report["source"]["accuracy"] - one["accuracy_drop"])
        assert one["agreement"] <= 1 - abs(one["lost"] - one["gained"]) / 240
    float32, int8 = report["variants"]["float32"], report["variants"]["int8"]
    assert float32["agreement"] == 1 and float32["max_abs_diff"] < 1e-5
    assert int8["max_abs_diff"] > 1e-4 and int8["input"]["dtype"] == "int8"
    content = (variants["int8"].path / "model.tflite").read_bytes()
    assert int8["size"] == len(content) and int8["size_ratio"] == len(content) / report["source"]["size"]
    assert report["calibration"]["rows"] == 120 and report["made_with"]["litert-quantizer"]


def test_the_report_is_the_same_each_time_and_times_stand_apart(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    models = [variants["int8"], variants["dynamic_int8"]]
    one, two = (verify(tmp_path, models, converted, rows) for _ in range(2))
    assert one.report.path.read_bytes() == two.report.path.read_bytes()
    assert not {"median_us", "load_ms"} & one.report.read()["variants"]["int8"].keys()

    timing = one.timing.read()
    assert timing["threads"] == 1 and timing["kernels"] and timing["machine"] and timing["runtime"]
    for figures in timing["variants"].values():
        assert 0 < figures["median_us"] <= figures["p95_us"] and figures["load_ms"] > 0
        assert figures["latency_ratio"] > 0 and figures["noise"] == (figures["median_us"] < 5)


def test_figures_by_slice_name_the_worst(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset) -> None:
    int8 = verify(tmp_path, [variants["int8"]], converted, rows, slice="day").report.read()["variants"]["int8"]
    first, second = int8["slices"]["1"], int8["slices"]["2"]
    assert first["rows"] == second["rows"] == 120 and first["accuracy"] > second["accuracy"]
    assert first["lost"] + second["lost"] == int8["lost"]
    assert int8["worst_slice_drop"] == max(first["accuracy_drop"], second["accuracy_drop"])
    assert int8["slices"][int8["worst_slice"]]["accuracy_drop"] == int8["worst_slice_drop"]


def test_a_slice_must_be_a_column_of_few_values(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    models = [variants["int8"]]
    with pytest.raises(BadInput, match="there is no column 'dai'; did you mean 'day'"):
        verify(tmp_path, models, converted, rows, slice="dai")
    with pytest.raises(BadInput, match="'x' has more than one value a row"):
        verify(tmp_path, models, converted, rows, slice="x")
    data = rows.read()
    numbered = write_dataset(
        tmp_path / "numbered",
        data.values | {"number": np.arange(240)},
        roles=data.roles | {"number": "group"},
        classes=data.classes,
    )
    with pytest.raises(BadInput, match="240 different values, more than 100 slices"):
        verify(tmp_path, models, converted, numbered, slice="number")


# --- files that must not be shipped ---


@pytest.mark.usefixtures("quiet_crashes")
@pytest.mark.parametrize(
    ("cut", "status", "reason"),
    [
        (nan_weights, "refused", "answers NaN or infinity for 240 of 240 rows"),
        (other_weights, "refused", "its outputs differ from the reference's by up to"),
        (killing, "failed", "was killed by SIGSEGV"),
        (endless, "failed", "took more than 5 s"),
    ],
)
def test_a_bad_variant_leaves_the_others_be(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset, cut: Cut, status: str, reason: str
) -> None:
    bad = operate(variants["float32"], tmp_path / "bad", cut)
    models, timeout = [bad, variants["int8"]], 5 if cut is endless else 60
    done = verify(tmp_path, models, converted, rows, timeout=timeout)
    found = done.report.read()["variants"]
    assert found["float32"]["status"] == status and reason in found["float32"]["reasons"][0]
    assert found["int8"]["status"] == "proven"
    assert done.timing.read()["variants"].keys() == {"int8"}

    with pytest.raises(BadInput if status == "refused" else RuntimeError, match=rf"(?s)on_fail is stop:.*{reason}"):
        verify(tmp_path, models, converted, rows, timeout=timeout, on_fail="stop")


def test_a_variant_that_is_not_what_it_says(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    renamed = [
        operate(variants["float32"], tmp_path / "one", variant="int8"),
        operate(variants["dynamic_int8"], tmp_path / "two", variant="int16x8"),
        operate(variants["float16"], tmp_path / "three", variant="float32"),
        operate(variants["int8"], tmp_path / "four", variant="float16"),
    ]
    found = verify(tmp_path, renamed, converted, rows).report.read()["variants"]
    assert {name: one["reasons"][0].split(";")[0] for name, one in found.items()} == {
        "int8": "it has no INT8 weights, so it is no int8 model",
        "int16x8": "it does not compute with INT16, so it is no int16x8 model",
        "float32": found["float32"]["reasons"][0].split(";")[0],
        "float16": found["float16"]["reasons"][0].split(";")[0],
    }
    assert "weights are missing" in found["float32"]["reasons"][0]
    assert "no FLOAT16 weights" in found["float16"]["reasons"][0]


def test_too_few_constants_for_the_kernels(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset) -> None:
    hollow = operate(variants["float32"], tmp_path / "hollow", kernel_values=100_000)
    (found,) = verify(tmp_path, [hollow], converted, rows).report.read()["variants"].values()
    assert found["status"] == "refused" and "but the kernels need 400000" in found["reasons"][0]


def test_what_edge_quantize_dropped_stays_dropped(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    dropped = operate(
        variants["int8"],
        tmp_path / "dropped",
        refused={"stage": "quantize", "status": "refused", "reason": "it has a loop"},
    )
    (dropped.path / "model.tflite").unlink()
    found = verify(tmp_path, [dropped, variants["float32"]], converted, rows).report.read()["variants"]
    assert found["int8"] == {"status": "refused", "reasons": ["quantize: it has a loop"]}
    assert found["float32"]["status"] == "proven"


# --- what cannot be compared ---


def test_labels_that_are_not_those_of_the_model(tmp_path: Path, converted: Model, variants: Variants) -> None:
    data = blobs(tmp_path / "right", 240, 2, shape=(16, 3)).read()
    values = data.values | {"kind": (data.label() + 1) % 3}
    turned = write_dataset(tmp_path / "turned", values, roles=data.roles, classes=data.classes)
    with pytest.raises(BadInput, match="right for 0.0% of the rows, where guessing is right for 33.3%"):
        verify(tmp_path, [variants["int8"]], converted, turned)
    other = write_dataset(tmp_path / "other", data.values, roles=data.roles, classes=list(reversed(data.classes)))
    with pytest.raises(BadInput, match="the model knows the classes"):
        verify(tmp_path, [variants["int8"]], converted, other)
    beyond = write_dataset(
        tmp_path / "beyond", data.values | {"kind": data.label() + 1}, roles=data.roles, classes=data.classes
    )
    with pytest.raises(BadInput, match="some labels are none of the 3 classes"):
        verify(tmp_path, [variants["int8"]], converted, beyond)


def test_no_rows_and_one(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset, dataset: Make) -> None:
    data = rows.read()
    nothing, single = Dataset(tmp_path / "nothing"), Dataset(tmp_path / "single")
    nothing.write(data.take(slice(0, 0)))
    single.write(data.take(slice(0, 1)))
    with pytest.raises(BadInput, match="no rows to judge by"):
        verify(tmp_path, [variants["int8"]], converted, nothing)
    report = verify(tmp_path, [variants["int8"]], converted, single, slice="day").report.read()
    assert report["rows"] == 1 and report["variants"]["int8"]["status"] == "proven"


def test_models_of_something_else(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset) -> None:
    stranger = operate(variants["int8"], tmp_path / "stranger", classes=["a", "b", "c"])
    with pytest.raises(BadInput, match="the int8 model is not one of the reference: it has other classes"):
        verify(tmp_path, [stranger], converted, rows)
    with pytest.raises(BadInput, match="there are two int8 models"):
        verify(tmp_path, [variants["int8"], variants["int8"]], converted, rows)
    with pytest.raises(BadInput, match="the reference must be the float32 model of edge/convert, not 'int8'"):
        verify(tmp_path, [variants["int8"]], variants["int8"], rows)
    broken = operate(converted, tmp_path / "broken", nan_weights)
    with pytest.raises(BadInput, match="the reference itself cannot be used: it answers NaN"):
        verify(tmp_path, [variants["int8"]], broken, rows)


def test_a_quantity(tmp_path: Path, dataset: Make) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    data = dataset(
        {"x": x, "y": x @ [1.0, -2.0, 0.5, 1.0], "half": np.arange(300) % 2}, roles={"y": "label", "half": "group"}
    )
    model = run_step("train/keras", tmp_path, train=data, units=[32], epochs=40, learning_rate=0.01).model
    converted = run_step("edge/convert", tmp_path, model=model, data=data).tflite
    int8 = run_step("edge/quantize", tmp_path, model=converted, variant="int8", calibration=data).tflite
    found = verify(tmp_path, [int8], converted, data, slice="half").report.read()["variants"]["int8"]
    assert found["accuracy"] > 0.9 and abs(found["accuracy_drop"]) < 0.05 and "agreement" not in found
    halves = [one["accuracy"] for one in found["slices"].values()]
    assert np.mean(halves) == pytest.approx(found["accuracy"])


def test_tensorflow_is_not_needed(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset) -> None:
    """Verify and choose in a process where importing TensorFlow fails."""
    script = (
        "import sys, json; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        f"sys.path.insert(0, {str(STEPS.parent / 'tests' / 'steps')!r})\n"
        "from pathlib import Path\n"
        "from running import run_step\n"
        "from lighterage.launching.artifacts import Dataset, Model\n"
        "given = json.loads(sys.argv[1])\n"
        "models = [Model(path) for path in given['models']]\n"
        "inputs = dict(models=models, reference=Model(given['reference']), data=Dataset(given['data']))\n"
        "done = run_step('edge/verify', Path(given['folder']), **inputs)\n"
        "budget = {'size_ratio': 0.99}\n"
        "print(run_step('edge/choose', Path(given['folder']), models=models, verified=done.report, budget=budget).variant)\n"
    )
    given = {
        "models": [str(one.path) for one in variants.values()],
        "reference": str(converted.path),
        "data": str(rows.path),
        "folder": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", script, json.dumps(given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "int8"
