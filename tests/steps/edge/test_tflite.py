from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs
from running import in_fork, run_step

from lighterage.launching.artifacts import Model
from lighterage.schemas import BadInput
from lighterage.steps.edge.tflite import tflite as module
from lighterage.launching.child import Crashed, Refused, run_in_child
from lighterage.steps.edge.tflite.export import convert, load_keras
from lighterage.steps.edge.tflite.flatbuffer import VARIABLE_OPERATORS, check_file, read_facts
from lighterage.steps.edge.tflite.measure import Runner, check_same, measure
from lighterage.steps.edge.tflite.quantize import pick_calibration, quantize

pytestmark = pytest.mark.tensorflow


def convert_small(tmp_path: Path, model: Model, **inputs: Any) -> SimpleNamespace:
    seeds = {"calibration": 1, "test": 2}
    rows = {name: blobs(tmp_path / name, 120, seed, shape=(16, 3)) for name, seed in seeds.items()}
    return run_step("edge/tflite", tmp_path, **({"model": model} | rows | inputs))


def test_the_first_variant_inside_the_budget(tmp_path: Path, small_model: Model) -> None:
    done = convert_small(tmp_path, small_model)

    report = done.report.read()
    int8, float32 = report["variants"]["int8"], report["variants"]["float32"]
    assert done.variant == report["chosen"] == "int8"
    assert done.size == int8["size"] == (done.tflite.path / "model.tflite").stat().st_size < float32["size"]
    assert done.accuracy == int8["accuracy"] > 0.9
    assert float32["agreement"] == 1.0 and float32["max_abs_diff"] < 1e-5
    for figures in report["variants"].values():  # paired: what was lost and gained makes up the drop
        drop = (figures["lost"] - figures["gained"]) / report["rows"]
        assert figures["accuracy_drop"] == pytest.approx(drop)
    assert (int8["input"]["dtype"], float32["input"]["dtype"]) == ("int8", "float32")
    about = done.tflite.about()
    assert about["variant"] == "int8" and about["classes"] == small_model.about()["classes"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path, small_model: Model) -> None:
    for number in ("one", "two"):
        (tmp_path / number).mkdir()
    one, two = (convert_small(tmp_path / number, small_model) for number in ("one", "two"))
    assert (one.tflite.path / "model.tflite").read_bytes() == (two.tflite.path / "model.tflite").read_bytes()
    assert (one.tflite.path / "model.json").read_bytes() == (two.tflite.path / "model.json").read_bytes()
    assert one.report.path.read_bytes() == two.report.path.read_bytes()


def test_order_and_budget_decide(tmp_path: Path, small_model: Model) -> None:
    variants = ["float32", "dynamic_int8"]
    done = convert_small(tmp_path, small_model, variants=variants, budget={"size_ratio": 0.6})
    assert done.variant == "dynamic_int8"
    refused = done.report.read()["variants"]["float32"]
    assert refused["status"] == "over_budget" and refused["reasons"] == ["size_ratio 1 is over 0.6 by 0.4"]


def test_no_variant_inside_the_budget_says_by_how_much(tmp_path: Path, small_model: Model) -> None:
    with pytest.raises(BadInput) as failure:
        convert_small(tmp_path, small_model, budget={"size_kb": 1, "agreement": 1.5})
    lines = str(failure.value).splitlines()
    assert lines[0] == "no variant is fit:" and len(lines) == 4
    for line in lines[1:]:
        assert "size_kb" in line and "is over 1 by" in line and "is under 1.5 by 0.5" in line


# --- files without weights: three gates, each on its own ---


@pytest.fixture(scope="module")
def weightless(tmp_path_factory: pytest.TempPathFactory, small_model: Model) -> tuple[Path, int]:
    """What the converter makes of a bare function of a Keras 3 model, and the values of its kernels."""
    file = tmp_path_factory.mktemp("weightless") / "weightless.tflite"
    return file, in_fork(_convert_a_function, small_model.path, file)


def _convert_a_function(folder: Path, file: Path) -> int:
    import tensorflow as tf

    network = load_keras(folder)
    signature = tf.TensorSpec((1, 16, 3), tf.float32)
    function = tf.function(lambda rows: network(rows)).get_concrete_function(signature)
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], network).convert())
    return _kernel_values(network)


def _kernel_values(network: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.weights if len(weight.shape) > 1)


def test_weights_as_variables_are_refused(weightless: tuple[Path, int]) -> None:
    file, kernels = weightless
    with pytest.raises(Refused, match="variables outside the file"):
        check_file(file.read_bytes(), "float32", kernels)


def test_too_few_constants_are_refused(weightless: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    file, kernels = weightless
    monkeypatch.setattr("lighterage.steps.edge.tflite.flatbuffer.VARIABLE_OPERATORS", set())
    with pytest.raises(Refused, match="weights are missing"):
        check_file(file.read_bytes(), "float32", kernels)


def test_answers_without_weights_are_refused(weightless: tuple[Path, int]) -> None:
    """What it reads was never written: NaN in one process, plausible numbers in the next."""
    rows, reference = np.zeros((5, 16, 3), np.float32), np.zeros((5, 3))
    with pytest.raises(Refused, match=r"answers NaN or infinity|outputs differ from the source's"):
        check_same(measure(weightless[0], rows, np.zeros(5, int), reference, classes=True), reference)


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path, small_model: Model) -> None:
    file = tmp_path / "nan.tflite"
    file.write_bytes(in_fork(_convert_with_nan, small_model.path))
    rows = np.zeros((5, 16, 3), np.float32)
    with pytest.raises(Refused, match="answers NaN or infinity for 5 of 5 rows"):
        measure(file, rows, np.zeros(5, int), np.zeros((5, 3)), classes=True)


def _convert_with_nan(folder: Path) -> bytes:
    network = load_keras(folder)
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    return convert(network)


def test_the_route_taken_keeps_the_weights(small_model: Model) -> None:
    content, kernels = in_fork(_convert_as_the_step_does, small_model.path)
    facts = check_file(content, "float32", kernels)
    assert facts.constants["FLOAT32"] >= 4 * kernels and not VARIABLE_OPERATORS & facts.operators.keys()


def _convert_as_the_step_does(folder: Path) -> tuple[bytes, int]:
    network = load_keras(folder)
    return convert(network), _kernel_values(network)


def test_bytes_that_are_no_model() -> None:
    with pytest.raises(Refused, match="not a TFLite model"):
        read_facts(b"no model at all")


# --- what else goes wrong on the way to a device ---


def test_recurrent_models_get_what_they_can_have(tmp_path: Path) -> None:
    train, test = (blobs(tmp_path / str(seed), 120, seed, shape=(12, 2)) for seed in (0, 1))
    model = run_step(
        "train/keras", tmp_path, train=train, architecture="gru", units=[12], epochs=4, learning_rate=0.02
    ).model
    done = run_step("edge/tflite", tmp_path, model=model, calibration=train, test=test)
    variants = done.report.read()["variants"]
    assert done.variant == "dynamic_int8"
    assert variants["int8"]["status"] == "refused" and "WHILE" in variants["int8"]["reasons"][0]
    assert "CUSTOM" not in variants["dynamic_int8"]["operators"]


def test_operators_that_a_plain_runtime_lacks(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="FlexMatrixInverse"):
        check_file(in_fork(_convert_with_flex), "float32", 0)


def _convert_with_flex() -> bytes:
    import tensorflow as tf

    signature = tf.TensorSpec((2, 2), tf.float32)
    function = tf.function(lambda rows: tf.linalg.inv(rows)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    return converter.convert()


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (lambda: _segfault(), "was killed by SIGSEGV"),
        (lambda: os._exit(3), "ended with exit code 3"),
        (lambda: time.sleep(60), "took more than 0.5 s"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_endings_have_names(ending: Any, said: str) -> None:
    with pytest.raises(Crashed, match=said):
        run_in_child(ending, timeout=0.5)


def _segfault() -> None:
    faulthandler.disable()  # it would fill the terminal
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_variant_that_crashes_is_a_named_failure(
    tmp_path: Path, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash_on_int8(variant: str, *rest: Any) -> None:
        if variant == "int8":
            os.kill(os.getpid(), signal.SIGKILL)
        quantize(variant, *rest)

    monkeypatch.setattr(module, "quantize", crash_on_int8)
    done = convert_small(tmp_path, small_model)
    assert done.variant == "dynamic_int8"
    int8 = done.report.read()["variants"]["int8"]
    assert int8 == {"status": "failed", "reasons": ["was killed by SIGKILL"]}

    with pytest.raises(RuntimeError, match=r"int8 +failed +was killed by SIGKILL"):  # may heal: not bad input
        (tmp_path / "again").mkdir()
        convert_small(tmp_path / "again", small_model, variants=["int8"])


def test_calibration_that_is_not_like_the_data_breaks_the_budget(
    tmp_path: Path, small_model: Model, dataset: Make
) -> None:
    noise = np.random.default_rng(0).uniform(-30_000, 30_000, (90, 16, 3)).astype(np.float32)
    strange = dataset(
        {"x": noise, "kind": np.arange(90) % 3},
        roles={"kind": "label"},
        classes=[f"kind {number}" for number in range(3)],
    )
    with pytest.raises(BadInput, match=r"accuracy_drop .* is over 0\.01"):
        convert_small(tmp_path, small_model, calibration=strange, variants=["int8"])


def test_calibration_rows_are_real_of_every_class_and_seeded(tmp_path: Path) -> None:
    mostly_one_kind = np.r_[0:3, np.arange(3, 300, 3)]
    columns = blobs(tmp_path / "data", 300).read().take(mostly_one_kind)
    inputs = columns.inputs()
    picked = pick_calibration(columns, inputs, 20, seed=1)
    places = [np.flatnonzero((inputs == row).all(axis=1))[0] for row in picked]
    assert len(set(places)) == 20 and set(columns.label()[places]) == {0, 1, 2}
    assert (pick_calibration(columns, inputs, 20, seed=1) == picked).all()
    assert (pick_calibration(columns, inputs, 20, seed=2) != picked).any()


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_calibration_with_values_that_are_not_finite(
    tmp_path: Path, small_model: Model, dataset: Make, bad: float
) -> None:
    values = np.zeros((30, 16, 3), np.float32)
    values[7, 3, 1] = bad
    rows = dataset(
        {"x": values, "kind": np.arange(30) % 3},
        roles={"kind": "label"},
        classes=[f"kind {number}" for number in range(3)],
    )
    with pytest.raises(BadInput, match=r"'x' has 1 rows with .* infinite values, the first in row 7"):
        convert_small(tmp_path, small_model, calibration=rows)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"budget": {"size": 3}}, "no budget 'size'"),
        ({"budget": {"size_kb": "small"}}, "must be a number"),
    ],
)
def test_budgets_that_do_not_exist(tmp_path: Path, small_model: Model, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        convert_small(tmp_path, small_model, **inputs)


def test_rows_that_were_prepared_otherwise(tmp_path: Path, small_model: Model) -> None:
    other = blobs(tmp_path / "other", 30, shape=(16, 3), entry="standardize")
    with pytest.raises(BadInput, match="standardize here, nothing done there"):
        convert_small(tmp_path, small_model, test=other)


def test_a_quantity(tmp_path: Path, dataset: Make) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    data = dataset({"x": x, "y": x @ [1.0, -2.0, 0.5, 1.0]}, roles={"y": "label"})
    model = run_step("train/keras", tmp_path, train=data, units=[32], epochs=40, learning_rate=0.01).model
    rows: dict[str, Any] = {"calibration": data, "test": data}
    done = run_step("edge/tflite", tmp_path, model=model, **rows, budget={"accuracy_drop": 0.02})
    assert done.accuracy > 0.9 and "agreement" not in done.report.read()["variants"][done.variant]
    with pytest.raises(BadInput, match="agreement is for classes"):
        run_step("edge/tflite", tmp_path, model=model, **rows)


def test_quantizing_and_measuring_need_no_tensorflow(tmp_path: Path, small_model: Model) -> None:
    source = tmp_path / "source.tflite"
    source.write_bytes(in_fork(_convert_as_the_step_does, small_model.path)[0])
    np.save(tmp_path / "rows.npy", blobs(tmp_path / "data", 30, shape=(16, 3)).read().inputs())
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import numpy as np; from pathlib import Path\n"
        "from lighterage.steps.edge.tflite.quantize import quantize\n"
        "from lighterage.steps.edge.tflite.measure import Runner\n"
        "folder = Path(sys.argv[1]); rows = np.load(folder / 'rows.npy')\n"
        "for variant in ('dynamic_int8', 'int8'):\n"
        "    quantize(variant, folder / 'source.tflite', rows, folder / f'{variant}.tflite')\n"
        "    np.save(folder / f'{variant}.npy', Runner(folder / f'{variant}.tflite').run(rows))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    expected = Runner(source).run(np.load(tmp_path / "rows.npy")).argmax(axis=1)
    for variant in ("dynamic_int8", "int8"):
        assert (np.load(tmp_path / f"{variant}.npy").argmax(axis=1) == expected).mean() > 0.95
