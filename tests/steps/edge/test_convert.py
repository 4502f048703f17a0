from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Make, blobs
from running import in_fork, run_step

from lighterage.edge.runtime import Runtime
from lighterage.launching.artifacts import Dataset, Model
from lighterage.schemas import BadInput

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return blobs(tmp_path_factory.mktemp("rows") / "rows", 120, 3, shape=(16, 3))


def test_one_file_that_answers_as_its_source(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    done = run_step("edge/convert", tmp_path, model=small_model, data=rows, rows=50)

    report, about = done.report.read(), done.tflite.about()
    content = (done.tflite.path / "model.tflite").read_bytes()
    assert done.size == report["file"]["size"] == len(content)
    assert report["rows"] == 50 and report["parity"]["agreement"] == 1.0
    assert report["parity"]["max_abs_diff"] < report["parity"]["allowed"] == 1e-5
    assert report["constants"]["FLOAT32"] >= 4 * report["kernel_values"] > 0
    assert report["operators"]["CONV_2D"] == 2 and not {"SHAPE", "PACK"} & report["operators"].keys()
    assert about["variant"] == "float32" and about["calibration"] is None
    assert about["tensors"]["input"]["shape"] == [1, 16, 3] and about["classes"] == small_model.about()["classes"]
    answers = Runtime(content).outputs(rows.read().inputs())
    np.testing.assert_allclose(answers, in_fork(_predict, small_model.path, rows), atol=1e-5)


def test_how_far_it_may_be_from_its_source_can_be_said(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    with pytest.raises(BadInput, match=r"differ from the source's by up to .*e-\d+; 0 is allowed"):
        run_step("edge/convert", tmp_path, model=small_model, data=rows, tolerance=0)
    done = run_step("edge/convert", tmp_path, model=small_model, data=rows, tolerance=1e-4)
    assert done.report.read()["parity"]["allowed"] == 1e-4


def _predict(folder: Path, rows: Dataset) -> np.ndarray:
    return Model(folder).keras().predict(rows.read().inputs(), verbose=0)


def test_equal_inputs_give_equal_bytes(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    one, two = (run_step("edge/convert", tmp_path, model=small_model, data=rows) for _ in range(2))
    for name in ("model.tflite", "model.json"):
        assert (one.tflite.path / name).read_bytes() == (two.tflite.path / name).read_bytes()
    assert one.report.path.read_bytes() == two.report.path.read_bytes()


def test_the_converter_is_heard_only_when_it_fails(
    tmp_path: Path, small_model: Model, rows: Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    run_step("edge/convert", tmp_path, model=small_model, data=rows)
    heard = capfd.readouterr()
    assert "aved" not in heard.out and "legalize" not in heard.err  # `Saved artifact at …`, in one way or another


# --- SavedModels ---


def saved(folder: Path, function: Callable[..., Any], *inputs: Any) -> Model:
    """A SavedModel of a function of TensorFlow's; ``inputs`` are shape and type of each."""
    in_fork(_save, folder, function, inputs)
    return Model(folder, type="model")


def _save(folder: Path, function: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(48, 3)).astype(np.float32))
    signature = [tf.TensorSpec(shape, kind, name=f"in{number}") for number, (shape, kind) in enumerate(inputs)]
    module.call = tf.function(lambda *given: function(tf, module.kernel, *given), input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures=module.call)


def softmax(tf: Any, kernel: Any, rows: Any) -> Any:
    return tf.nn.softmax(tf.reshape(rows, (-1, 48)) @ kernel)


WINDOWS = ((None, 16, 3), "float32")


def test_a_saved_model_and_what_had_to_be_assumed(tmp_path: Path, rows: Dataset) -> None:
    done = run_step("edge/convert", tmp_path, model=saved(tmp_path / "saved", softmax, WINDOWS), data=rows)

    report, about = done.report.read(), done.tflite.about()
    assert report["source"]["parameters"] == report["kernel_values"] == 144
    assert about["tensors"]["input"]["shape"] == [1, 16, 3] and about["classes"] == rows.read().classes
    assert any(line.startswith("preprocessing") for line in report["source"]["assumed"])
    assert report["parity"]["agreement"] == 1.0


def test_a_saved_model_that_says_what_it_is(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    model = saved(tmp_path / "saved", softmax, WINDOWS)
    shutil.copyfile(small_model.path / "model.json", model.path / "model.json")
    done = run_step("edge/convert", tmp_path, model=model, data=rows)
    assert done.report.read()["source"]["assumed"] == []

    told = json.loads((model.path / "model.json").read_text())
    (model.path / "model.json").write_text(json.dumps(told | {"preprocessing": [{"op": "standardize"}]}))
    with pytest.raises(BadInput, match="nothing done here, standardize there"):
        run_step("edge/convert", tmp_path, model=model, data=rows)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([WINDOWS, WINDOWS], "inputs in0, in1 and outputs output_0; one of each can be converted"),
        ([((None, 16, 3), "int32")], "input 'in0' is int32; only float32"),
        ([((None, None, 3), "float32")], "only the batch may be open"),
        ([((None, 8, 3), "float32")], r"takes rows of shape \(8, 3\), but the data has \(16, 3\)"),
    ],
)
def test_saved_models_that_cannot_be_taken(tmp_path: Path, rows: Dataset, inputs: list[Any], said: str) -> None:
    model = saved(tmp_path / "saved", _first_as_number, *inputs)
    with pytest.raises(BadInput, match=said):
        run_step("edge/convert", tmp_path, model=model, data=rows)


def _first_as_number(tf: Any, kernel: Any, rows: Any, *more: Any) -> Any:
    return tf.reduce_sum(tf.cast(rows, tf.float32), axis=(1, 2))[:, None] * kernel[:1]


def test_a_recurrent_model_needs_a_fixed_batch(tmp_path: Path, rows: Dataset) -> None:
    model = run_step("train/keras", tmp_path, train=rows, architecture="gru", units=[8], epochs=1).model
    done = run_step("edge/convert", tmp_path, model=model, data=rows)
    assert done.report.read()["operators"]["WHILE"] == 1  # the Keras form gets one

    in_fork(_export_as_keras_does, model.path, tmp_path / "open")
    with pytest.raises(
        BadInput, match=r"recurrent layer needs a fixed batch: save the model with an input of shape \(1"
    ):
        run_step("edge/convert", tmp_path, model=Model(tmp_path / "open"), data=rows)


def _export_as_keras_does(folder: Path, to: Path) -> None:
    Model(folder).keras().export(str(to), verbose=False)


# --- what else must not get through ---


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(("ending", "said"), [("abort", "was killed by SIGABRT"), ("loop", "took more than 20 s")])
def test_a_conversion_that_takes_its_process_along(tmp_path: Path, rows: Dataset, ending: str, said: str) -> None:
    function, timeout = (_abort, 300) if ending == "abort" else (_never_end, 20)
    model = saved(tmp_path / "saved", function, WINDOWS)
    with pytest.raises(RuntimeError, match=f"the conversion to TFLite failed: {said}"):  # may heal: not bad input
        run_step("edge/convert", tmp_path, model=model, data=rows, timeout=timeout)


def _abort(tf: Any, kernel: Any, rows: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.Abort(error_msg="enough")]):
        return softmax(tf, kernel, rows)


def _never_end(tf: Any, kernel: Any, rows: Any) -> Any:
    (number,) = tf.while_loop(lambda one: one >= 0.0, lambda one: [one + 1.0], [tf.reduce_max(rows) ** 2])
    return softmax(tf, kernel, rows) + number


def test_layers_that_are_still_learning(tmp_path: Path, rows: Dataset) -> None:
    model = saved(tmp_path / "saved", _dropping, WINDOWS)
    with pytest.raises(BadInput, match=r"draws random numbers \(RANDOM_UNIFORM\): layers in it are still learning"):
        run_step("edge/convert", tmp_path, model=model, data=rows)


def _dropping(tf: Any, kernel: Any, rows: Any) -> Any:
    return softmax(tf, kernel, tf.nn.dropout(rows, 0.5))


def test_a_model_that_answers_with_no_numbers(tmp_path: Path, small_model: Model, rows: Dataset) -> None:
    folder = Path(shutil.copytree(small_model.path, tmp_path / "nan", copy_function=shutil.copyfile))
    in_fork(_fill_with_nan, folder)
    with pytest.raises(BadInput, match="the model itself answers NaN or infinity"):
        run_step("edge/convert", tmp_path, model=Model(folder), data=rows)


def _fill_with_nan(folder: Path) -> None:
    network = Model(folder).keras()
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    network.save_weights(folder / "model.weights.h5")


def test_a_folder_that_is_no_model(tmp_path: Path, rows: Dataset) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="neither a Keras model .* nor a SavedModel"):
        run_step("edge/convert", tmp_path, model=Model(tmp_path / "empty"), data=rows)


def test_no_rows(tmp_path: Path, small_model: Model, dataset: Make) -> None:
    nothing = dataset({"x": np.zeros((0, 16, 3), np.float32)})
    with pytest.raises(BadInput, match="no rows to compare answers on"):
        run_step("edge/convert", tmp_path, model=small_model, data=nothing)


def test_a_quantity(tmp_path: Path, dataset: Make) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    data = dataset({"x": x, "y": 1000 * x @ [1.0, -2.0, 0.5, 1.0]}, roles={"y": "label"})
    model = run_step("train/keras", tmp_path, train=data, units=[16], epochs=5, learning_rate=0.1).model
    parity = run_step("edge/convert", tmp_path, model=model, data=data).report.read()["parity"]
    assert parity["allowed"] > 1e-5 and "agreement" not in parity  # relative to answers in the hundreds


def test_features_are_computed_inside_the_graph(tmp_path: Path) -> None:
    """Raw windows in, built-in operators alone, and equal bytes although its layers have names that Keras made up."""
    windows = blobs(tmp_path / "windows", 90, shape=(16, 3))
    train = partial(run_step, "train/keras", tmp_path, train=windows, architecture="statistics", units=[8], epochs=3)
    model, again = train().model, train().model
    assert (model.path / "architecture.json").read_bytes() == (again.path / "architecture.json").read_bytes()
    done = run_step("edge/convert", tmp_path, model=model, data=windows)
    found = done.report.read()
    assert found["operators"].keys() >= {"MEAN", "REDUCE_MAX", "REDUCE_MIN", "SQRT", "LESS"}
    assert found["parity"]["agreement"] == 1
    int8 = run_step("edge/quantize", tmp_path, model=done.tflite, variant="int8", calibration=windows, on_fail="stop")
    report = run_step("edge/verify", tmp_path, models=[int8.tflite], reference=done.tflite, data=windows).report.read()
    assert report["variants"]["int8"]["status"] == "proven"
