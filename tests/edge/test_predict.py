"""Raw features in, the answers that were measured out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lighterage.edge import Bundle, InputError

from .forging import inside

pytestmark = pytest.mark.tensorflow

Paths = dict[str, Path]
Judged = dict[str, SimpleNamespace]


@pytest.mark.parametrize("name", ["motion-int8", "digits-int8", "diabetes-float32"])
def test_raw_rows_are_prepared_as_the_training_data_was_bit_by_bit(bundles: Paths, judged: Judged, name: str) -> None:
    data = judged[name.partition("-")[0]]
    prepared = Bundle.load(bundles[name]).prepare(data.raw.features())
    assert prepared.dtype == np.float32
    assert np.array_equal(prepared, data.prepared.inputs())
    assert not np.array_equal(prepared, data.raw.inputs())


def test_a_float_bundle_answers_as_the_keras_model_did(bundles: Paths, judged: Judged) -> None:
    """The confusion matrix of `model/evaluate`, from raw windows, on the people that judged."""
    bundle, data = Bundle.load(bundles["motion-float32"]), judged["motion"]
    confusion = np.zeros((7, 7), int)
    for truth, found in zip(data.raw.label(), bundle.predict(data.raw.features()), strict=True):
        confusion[truth, bundle.labels.index(found.label)] += 1
    assert confusion.tolist() == data.metrics["confusion"]


@pytest.mark.parametrize("name", ["motion-int8", "digits-int8"])
def test_an_int8_bundle_reaches_the_accuracy_of_its_report(bundles: Paths, judged: Judged, name: str) -> None:
    bundle, data = Bundle.load(bundles[name]), judged[name.partition("-")[0]]
    answers = bundle.predict(data.raw.features())
    right = [found.label == bundle.labels[truth] for truth, found in zip(data.raw.label(), answers, strict=True)]
    report = json.loads(inside(bundles[name], "report.json"))
    assert np.mean(right) == pytest.approx(report["variants"]["int8"]["accuracy"], abs=1e-12)
    for found in answers:
        assert found.score == found.outputs.max() and found.outputs.sum() == pytest.approx(1, abs=0.05)


def test_a_quantity_has_no_label(bundles: Paths, judged: Judged) -> None:
    data = judged["diabetes"]
    answers = Bundle.load(bundles["diabetes-float32"]).predict(data.raw.features())
    errors = np.array([found.score for found in answers]) - data.raw.label()
    assert {found.label for found in answers} == {None}
    assert (errors**2).mean() == pytest.approx(data.metrics["mse"], rel=1e-4)


def test_feed_run_fetch_are_what_predict_does(bundles: Paths, judged: Judged) -> None:
    bundle, raw = Bundle.load(bundles["motion-int8"]), judged["motion"].raw.features()[:5]
    answers = bundle.predict(raw)
    (tensor,) = bundle.inputs
    for row, found in zip(bundle.prepare(raw), answers, strict=True):
        bundle.feed(row)
        bundle.run()
        assert np.array_equal(bundle.fetch(), found.outputs)

        stored = np.clip(np.round(row / np.float32(tensor.scale) + tensor.zero_point), -128, 127).astype(np.int8)
        bundle.feed(stored[None])  # who quantizes on the way, as drivers may, hands in int8
        bundle.run()
        assert np.array_equal(bundle.fetch(), found.outputs)


def test_one_row_or_many_and_any_number_of_threads(bundles: Paths, judged: Judged) -> None:
    rows = judged["digits"].raw.features()[:40]
    bundle = Bundle.load(bundles["digits-int8"])
    together = [(found.at, found.label) for found in bundle.predict(rows)]
    alone = [(at, bundle.predict(row[None])[0].label) for at, row in enumerate(rows)]
    threaded = [(found.at, found.label) for found in Bundle.load(bundles["digits-int8"], threads=2).predict(rows)]
    assert together == alone == threaded
    assert bundle.predict(rows[:0]) == []


def test_rows_that_went_through_some_of_it_already(bundles: Paths, judged: Judged) -> None:
    bundle, data = Bundle.load(bundles["motion-int8"]), judged["motion"]
    assert bundle.predict(data.prepared.features(), done=2) == bundle.predict(data.raw.features(), done=1)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.zeros((100, 6)), r"rows of shape \(100, 6\) are needed.*samples go to stream"),
        (np.zeros((1, 6, 100)), r"rows of shape \(100, 6\) are needed"),
        (np.full((1, 100, 6), np.nan), "empty, NaN or infinite"),
        (np.full((1, 100, 6), "left"), "numbers are needed"),
    ],
)
def test_rows_that_do_not_fit(bundles: Paths, rows: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Bundle.load(bundles["motion-int8"]).predict(rows)


def test_describe_is_data_for_json(bundles: Paths) -> None:
    told = json.loads(json.dumps(Bundle.load(bundles["motion-int8"], kernels="reference").describe()))
    assert told["window"] == {"size": 100, "hop": 50} and told["rate_hz"] == 50
    assert told["features"] == ["acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"]
    assert (told["variant"], told["kernels"], told["input"]["dtype"]) == ("int8", "BUILTIN_REF", "int8")
    assert told["labels"] == Bundle.load(bundles["motion-int8"]).labels
