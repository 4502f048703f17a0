"""Models that must not reach a device, each from the mistake that makes it, and the step that stops it."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import blobs
from running import in_fork, run_step
from surgery import operate

from lighterage.edge.modelfile import VARIABLES, read_facts
from lighterage.edge.runtime import Runtime
from lighterage.launching.artifacts import Dataset, Model
from lighterage.launching.child import Refused
from lighterage.schemas import BadInput
from lighterage.steps.edge.convert.proofs import check_file, compare

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return blobs(tmp_path_factory.mktemp("rows") / "rows", 120, 3, shape=(16, 3))


def judge(tmp_path: Path, models: list[Model], reference: Model, data: Dataset, **choice: Any) -> SimpleNamespace:
    """`edge/verify`, then `edge/choose`; the report of the first and a call of the second."""
    verified = run_step("edge/verify", tmp_path, models=models, reference=reference, data=data)
    given = {"models": models, "verified": verified.report, "order": [models[0].about()["variant"]]} | choice
    return SimpleNamespace(
        variants=verified.report.read()["variants"], choose=lambda: run_step("edge/choose", tmp_path, **given)
    )


# --- a file without weights: conversion from a bare function of a Keras 3 model ---


@pytest.fixture(scope="module")
def weightless(tmp_path_factory: pytest.TempPathFactory, small_model: Model) -> bytes:
    file = tmp_path_factory.mktemp("weightless") / "weightless.tflite"
    in_fork(_convert_a_function, small_model.path, file)
    return file.read_bytes()


def _convert_a_function(folder: Path, file: Path) -> None:
    import tensorflow as tf

    network = Model(folder).keras()
    signature = tf.TensorSpec((1, 16, 3), tf.float32)
    function = tf.function(lambda rows: network(rows)).get_concrete_function(signature)
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], network).convert())


def test_a_file_without_weights_welcomed_by_a_limit_on_size(
    tmp_path: Path, converted: Model, weightless: bytes, rows: Dataset
) -> None:
    bad = operate(converted, tmp_path / "weightless")
    (bad.path / "model.tflite").write_bytes(weightless)
    judged = judge(tmp_path, [bad], converted, rows, budget={"size_ratio": 0.9})

    assert len(weightless) < 0.9 * len((converted.path / "model.tflite").read_bytes())
    assert judged.variants["float32"]["status"] == "refused"
    with pytest.raises(BadInput, match="its weights are variables outside the file"):
        judged.choose()


def test_each_gate_of_the_conversion_stops_it_alone(converted: Model, weightless: bytes, rows: Dataset) -> None:
    kernels = converted.about()["kernel_values"]
    facts = read_facts(weightless)
    with pytest.raises(Refused, match="its weights are variables outside the file"):
        check_file(facts, kernels)

    renamed = copy.copy(facts)
    renamed.operators = Counter({name: count for name, count in facts.operators.items() if name not in VARIABLES})
    with pytest.raises(Refused, match="weights are missing"):
        check_file(renamed, kernels)

    inputs = rows.read().inputs()
    whole = Runtime((converted.path / "model.tflite").read_bytes()).outputs(inputs)
    with pytest.raises(Refused, match=r"answers NaN or infinity|outputs differ from the source's"):
        nothing = Runtime(weightless).outputs(inputs)  # it reads memory that nobody wrote
        compare(nothing, whole, classes=True, tolerance=1e-5)


# --- operators that only TensorFlow has ---


def test_a_recurrent_model_with_operators_of_tensorflow(tmp_path: Path, rows: Dataset) -> None:
    model = run_step("train/keras", tmp_path, train=rows, architecture="gru", units=[8], epochs=1).model
    reference = run_step("edge/convert", tmp_path, model=model, data=rows).tflite
    flex = operate(reference, tmp_path / "flex")
    (flex.path / "model.tflite").write_bytes(in_fork(_convert_with_flex, model.path))

    judged = judge(tmp_path, [flex], reference, rows)
    with pytest.raises(BadInput, match=r"a plain runtime lacks its operators Flex\w*TensorList"):
        judged.choose()
    with pytest.raises(Refused, match=r"lacks its operators Flex.*, which need TensorFlow on the device"):
        check_file(read_facts((flex.path / "model.tflite").read_bytes()), 0)


def _convert_with_flex(folder: Path) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(Model(folder).keras())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    converter._experimental_lower_tensor_list_ops = False
    return bytes(converter.convert())


# --- integers that cannot hold what goes in ---

NORMALIZING = """
import keras


def build(input_shape, outputs, units):
    layers = [keras.layers.Dense(width, activation="relu") for width in units]
    head = keras.layers.Dense(outputs, activation="softmax")
    return keras.Sequential([keras.Input(input_shape), keras.layers.BatchNormalization(), *layers, head])
"""


@pytest.mark.parametrize("standardized", [False, True])
def test_int8_of_raw_tabular_features(tmp_path: Path, standardized: bool) -> None:
    """Raw columns share one scale: beside an area of thousands, all that is below one becomes the same number.
    The model normalizes inside, so float32 does not mind; outside it, int8 does not either."""
    data = run_step("data/load", tmp_path, source="package:sklearn.breast_cancer").data
    parts = run_step("data/split", tmp_path, data=data, fractions={"train": 0.7, "test": 0.3}, seed=7)
    train, test = parts.train, parts.test
    if standardized:
        prepared = run_step("features/standardize", tmp_path, raw_train=train, raw_test=test)
        train, test = prepared.train, prepared.test
    (tmp_path / "model.py").write_text(NORMALIZING)
    learning = {"code": str(tmp_path / "model.py"), "units": [32], "epochs": 30, "learning_rate": 0.01}
    model = run_step("train/keras", tmp_path, train=train, **learning).model
    reference = run_step("edge/convert", tmp_path, model=model, data=test).tflite
    int8 = run_step("edge/quantize", tmp_path, model=reference, variant="int8", calibration=train).tflite

    judged = judge(tmp_path, [int8], reference, test, budget={"accuracy_drop": 0.02})
    assert judged.variants["int8"]["status"] == "proven"  # nothing is wrong with the file
    if standardized:
        assert judged.choose().accuracy > 0.9
    else:
        with pytest.raises(BadInput, match=r"int8 .*accuracy_drop .* is over 0\.02 by"):
            judged.choose()


def test_calibration_with_noise(tmp_path: Path, converted: Model, rows: Dataset) -> None:
    """Uniform between 0 and 1, as in many an example: whatever is outside is cut off."""
    real = rows.read()
    noise = np.random.default_rng(0).uniform(0, 1, (120, 16, 3)).astype(np.float32)
    strange = Dataset(tmp_path / "noise")
    strange.write(real.with_values(real.values | {"x": noise}))
    int8 = run_step("edge/quantize", tmp_path, model=converted, variant="int8", calibration=strange).tflite

    with pytest.raises(BadInput, match=r"int8 .*agreement .* is under 0\.95 by"):
        judge(tmp_path, [int8], converted, rows, budget={"agreement": 0.95}).choose()


@pytest.mark.parametrize(("bad", "variant"), [(-np.inf, "int8"), (np.nan, "int16x8")])
def test_calibration_with_values_that_are_not_finite(
    tmp_path: Path, converted: Model, rows: Dataset, bad: float, variant: str
) -> None:
    real = rows.read()
    values = np.array(real.values["x"])
    values[7, 3, 1] = bad
    broken = Dataset(tmp_path / "broken")
    broken.write(real.with_values(real.values | {"x": values}))
    with pytest.raises(BadInput, match=r"'x' has 1 rows with .* infinite values, the first in row 7"):
        run_step("edge/quantize", tmp_path, model=converted, variant=variant, calibration=broken)


# --- smaller is not always smaller ---

UNROLLED = """
import keras


def build(input_shape, outputs, units):
    layers = [keras.layers.GRU(units[0], unroll=True), keras.layers.Dense(outputs, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *layers])
"""


def test_an_unrolled_recurrent_model_as_int8(tmp_path: Path, rows: Dataset) -> None:
    """Unrolling gets a recurrent model past the rule for loops, and its many small operators cost more than int8 saves."""
    (tmp_path / "model.py").write_text(UNROLLED)
    learning = {"code": str(tmp_path / "model.py"), "units": [8], "epochs": 2, "learning_rate": 0.02}
    model = run_step("train/keras", tmp_path, train=rows, **learning).model
    reference = run_step("edge/convert", tmp_path, model=model, data=rows).tflite
    int8 = run_step("edge/quantize", tmp_path, model=reference, variant="int8", calibration=rows).tflite

    with pytest.raises(BadInput, match=r"int8 .*size_ratio .* is over 0\.4 by"):
        judge(tmp_path, [int8], reference, rows, budget={"size_ratio": 0.4}).choose()
