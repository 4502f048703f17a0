from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs
from running import STEPS, run_step
from surgery import killing, operate

from lighterage.edge.modelfile import read_facts
from lighterage.edge.runtime import Runtime
from lighterage.launching.artifacts import Dataset, Model
from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return blobs(tmp_path_factory.mktemp("rows") / "rows", 120, 1, shape=(16, 3))


def quantize(tmp_path: Path, model: Model, variant: str, **inputs: Any) -> SimpleNamespace:
    return run_step("edge/quantize", tmp_path, model=model, variant=variant, **inputs)


def content(model: Model) -> bytes:
    return (model.path / "model.tflite").read_bytes()


@pytest.mark.parametrize(
    ("variant", "weights", "stored", "smaller"),
    [
        ("float32", "FLOAT32", "float32", 1.0),
        ("float16", "FLOAT16", "float32", 0.8),
        ("dynamic_int8", "INT8", "float32", 0.7),
        ("weight_int8", "INT8", "float32", 0.7),
        ("int8", "INT8", "int8", 0.7),
        ("int16x8", "INT8", "int16", 0.7),
        ("int4", "INT4", "float32", 0.6),
    ],
)
def test_what_becomes_of_weights_and_answers(
    tmp_path: Path, converted: Model, rows: Dataset, variant: str, weights: str, stored: str, smaller: float
) -> None:
    done = quantize(tmp_path, converted, variant, calibration=rows)

    about, made = done.tflite.about(), content(done.tflite)
    bits = {"FLOAT32": 32, "FLOAT16": 16, "INT8": 8, "INT4": 4}[weights]
    assert read_facts(made).constants[weights] * 8 >= about["kernel_values"] * bits
    assert done.size == len(made) <= smaller * len(content(converted))
    assert about["variant"] == variant and about["tensors"]["input"]["dtype"] == stored
    assert (about["calibration"] is not None) == (variant in ("int8", "int16x8"))
    inputs = rows.read().inputs()
    kinds = [Runtime(one).outputs(inputs).argmax(axis=1) for one in (made, content(converted))]
    assert (kinds[0] == kinds[1]).mean() > 0.95


def test_float32_stays_as_it_was(tmp_path: Path, converted: Model) -> None:
    assert content(quantize(tmp_path, converted, "float32").tflite) == content(converted)


@pytest.mark.parametrize("variant", ["int8", "dynamic_int8"])
def test_equal_inputs_give_equal_bytes(tmp_path: Path, converted: Model, rows: Dataset, variant: str) -> None:
    one, two = (quantize(tmp_path, converted, variant, calibration=rows).tflite.path for _ in range(2))
    for name in ("model.tflite", "model.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_no_tensorflow_is_needed(tmp_path: Path, converted: Model, rows: Dataset) -> None:
    """The whole step, its contract and its child process, in a Python that cannot import TensorFlow."""
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from pathlib import Path; from running import run_step\n"
        "from lighterage.launching.artifacts import Dataset, Model\n"
        "model, rows, folder = Model(sys.argv[1]), Dataset(sys.argv[2]), Path(sys.argv[3])\n"
        "for variant in ('float16', 'dynamic_int8', 'weight_int8', 'int8', 'int16x8', 'int4'):\n"
        "    run_step('edge/quantize', folder, model=model, variant=variant, calibration=rows, on_fail='stop')\n"
    )
    given = [str(place) for place in (converted.path, rows.path, tmp_path)]
    subprocess.run(
        [sys.executable, "-c", script, *given], check=True, capture_output=True, cwd=STEPS.parent / "tests" / "steps"
    )


# --- calibration ---


def test_calibration_rows_are_real_of_every_class_and_seeded(tmp_path: Path, converted: Model, dataset: Make) -> None:
    """One kind has a single row, and the only large values: the range that is kept shows that it was used."""
    kinds = np.array([0, 1] * 150 + [2])
    values = np.random.default_rng(0).uniform(-1, 1, (301, 16, 3)).astype(np.float32)
    values[kinds == 2] *= 50
    data = dataset({"x": values, "kind": kinds}, roles={"kind": "label"}, classes=["kind 0", "kind 1", "kind 2"])

    def made(seed: int) -> dict[str, Any]:
        about: dict[str, Any] = quantize(
            tmp_path, converted, "int8", calibration=data, calibration_rows=20, seed=seed
        ).tflite.about()
        return about

    one, same, other = made(1), made(1), made(2)
    assert one["calibration"] == same["calibration"] != other["calibration"]
    assert one["calibration"]["rows"] == 20 and one["calibration"]["digest"].startswith("sha256:")
    assert min(about["tensors"]["input"]["quantization"]["scale"] for about in (one, other)) > 90 / 255


@pytest.mark.parametrize("variant", ["int8", "int16x8"])
def test_integer_activations_need_calibration(tmp_path: Path, converted: Model, variant: str) -> None:
    with pytest.raises(BadInput, match=f"{variant} needs real rows that show the range of values: calibration"):
        quantize(tmp_path, converted, variant)


def test_rows_that_were_prepared_otherwise(tmp_path: Path, converted: Model) -> None:
    other = blobs(tmp_path / "other", 30, shape=(16, 3), entry="standardize")
    with pytest.raises(BadInput, match="standardize here, nothing done there"):
        quantize(tmp_path, converted, "int8", calibration=other)


def test_no_rows(tmp_path: Path, converted: Model) -> None:
    with pytest.raises(BadInput, match="there are no calibration rows"):
        quantize(tmp_path, converted, "int8", calibration=blobs(tmp_path / "none", 0, shape=(16, 3)))


# --- what a model cannot have ---


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory, rows: Dataset) -> Model:
    folder = tmp_path_factory.mktemp("recurrent")
    model = run_step("train/keras", folder, train=rows, architecture="gru", units=[8], epochs=1).model
    return run_step("edge/convert", folder, model=model, data=rows).tflite


@pytest.mark.parametrize("variant", ["int8", "int16x8"])
def test_a_variant_that_a_loop_cannot_have_is_dropped_by_name(
    tmp_path: Path, recurrent: Model, rows: Dataset, variant: str
) -> None:
    done = quantize(tmp_path, recurrent, variant, calibration=rows)

    about = done.tflite.about()
    assert done.size == 0 and not (done.tflite.path / "model.tflite").exists() and "tensors" not in about
    assert about["variant"] == variant and about["refused"]["stage"] == "quantize"
    assert "it has a loop (WHILE" in about["refused"]["reason"]
    with pytest.raises(BadInput, match=rf"{variant}: it has a loop \(WHILE"):
        quantize(tmp_path, recurrent, variant, calibration=rows, on_fail="stop")


@pytest.mark.parametrize("variant", ["dynamic_int8", "weight_int8", "float16", "int4"])
def test_what_a_loop_can_have(tmp_path: Path, recurrent: Model, variant: str) -> None:
    made = content(quantize(tmp_path, recurrent, variant, on_fail="stop").tflite)
    assert "WHILE" in read_facts(made).operators and len(made) < len(content(recurrent))


def test_nothing_to_quantize(tmp_path: Path, converted: Model) -> None:
    bare = operate(converted, tmp_path / "bare", _only_softmax)
    reason = quantize(tmp_path, bare, "dynamic_int8").tflite.about()["refused"]["reason"]
    assert reason == "nothing in it was quantized: it has no INT8 constants"


def _only_softmax(model: Any) -> None:
    """What is left of a model when the layers with weights are gone."""
    graph = model.subgraphs[0]
    last = graph.operators[-1]
    graph.operators = [last]
    graph.inputs = [int(last.inputs[0])]
    for signature in model.signatureDefs:
        signature.inputs[0].tensorIndex = int(last.inputs[0])


@pytest.mark.usefixtures("silent")
def test_a_model_that_kills_its_process_is_a_named_failure(tmp_path: Path, converted: Model) -> None:
    bad = operate(converted, tmp_path / "killing", killing)
    refused = quantize(tmp_path, bad, "float32").tflite.about()["refused"]
    assert refused == {"stage": "quantize", "status": "failed", "reason": "was killed by SIGSEGV"}
    with pytest.raises(RuntimeError, match="float32: was killed by SIGSEGV"):  # may heal: not bad input
        quantize(tmp_path, bad, "float32", on_fail="stop")


def test_what_the_quantizer_refuses_cannot_heal(tmp_path: Path, converted: Model) -> None:
    bad = operate(converted, tmp_path / "twice", killing)  # two tensors of one name
    with pytest.raises(BadInput, match="weight_int8: the quantizer refuses it: Tensor name more is not unique"):
        quantize(tmp_path, bad, "weight_int8", on_fail="stop")


def test_a_variant_is_made_from_float32(tmp_path: Path, converted: Model) -> None:
    small = quantize(tmp_path, converted, "dynamic_int8").tflite
    with pytest.raises(BadInput, match="variants are made from float32, and this model is 'dynamic_int8'"):
        quantize(tmp_path, small, "float16")
