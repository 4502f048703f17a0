"""Proves a learner with the device's runtime alone: nothing here knows TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.edge.bundle import runtime_version
from lighterage.edge.errors import BundleError, InputError
from lighterage.edge.learner import Weights
from lighterage.edge.learning import Learner
from lighterage.edge.modelfile import read_facts
from lighterage.launching.child import Refused

PARITY = 1e-5
"""between Keras and LiteRT, of probabilities"""


def prove(
    about: dict[str, Any],
    content: bytes,
    rows: np.ndarray,
    labels: np.ndarray,
    expected: np.ndarray,
    epochs: int,
    golden_rows: int,
    seed: int,
) -> tuple[dict[str, Any], Weights]:
    """What was proven, and golden arrays. The first half of the rows is learned. Runs in a child process; raises Refused."""
    facts = read_facts(content)
    if facts.custom:
        raise Refused(f"the file needs {', '.join(facts.custom)}, which a plain runtime does not have")
    try:
        learner = Learner(about, content, b"", 1)
        difference = _same(learner, rows, expected)
        learning = _learns(learner, rows, labels, epochs, seed)
        golden = _golden(learner, rows[:golden_rows], labels[:golden_rows])
    except (BundleError, InputError) as error:
        raise Refused(str(error)) from None
    proven = {
        "runtime": runtime_version(),
        "operators": dict(sorted(facts.operators.items())),
        "weights": {name: list(array.shape) for name, array in learner.weights().items()},
        "weights_size": sum(array.nbytes for array in learner.weights().values()),
        "max_abs_diff": difference,
        "round_trip": "bit by bit",
        "learning": learning,
    }
    return proven, golden


def _same(learner: Learner, rows: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference from Keras. Raises Refused above `PARITY`."""
    difference = float(np.abs(_scores(learner, rows) - expected).max())
    if not difference <= PARITY:
        raise Refused(f"the file answers otherwise than Keras, by up to {difference:g}; {PARITY:g} is allowed")
    return difference


def _learns(learner: Learner, rows: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> dict[str, Any]:
    """From weights that know nothing; the file's own come back, bit by bit, and so do the answers. Raises Refused."""
    own, answers = learner.weights(), _scores(learner, rows)
    half, done = len(rows) // 2, len(learner.about["preprocessing"])
    random = np.random.default_rng(seed)
    nothing = {name: random.normal(0, 0.1, array.shape).astype(np.float32) for name, array in own.items()}
    learner.set_weights(nothing)
    before = _judged(learner, rows[half:], labels[half:])
    learner.train(rows[:half], labels[:half], epochs=epochs, seed=seed, done=done)
    after = _judged(learner, rows[half:], labels[half:])
    if not (after[0] < before[0] and after[1] > before[1]):
        raise Refused(
            f"it does not learn: loss {before[0]:.3f} to {after[0]:.3f}, accuracy {before[1]:.3f} to {after[1]:.3f} "
            "on rows that it did not see; another rate, more epochs or more rows may help"
        )
    learner.set_weights(own)
    back = learner.weights()
    if any(not np.array_equal(own[name], back[name]) for name in own) or not np.array_equal(
        _scores(learner, rows), answers
    ):
        raise Refused("weights that are put back do not give the same answers")
    return {
        "rows": half,
        "judged_on": len(rows) - half,
        "epochs": epochs,
        "batch": learner.batch,
        "rate": learner.about["learner"]["rate"],
        "loss_before": before[0],
        "loss_after": after[0],
        "accuracy_before": before[1],
        "accuracy_after": after[1],
        "accuracy_of_the_model": float((answers[half:].argmax(axis=1) == labels[half:]).mean()),
    }


def _golden(learner: Learner, rows: np.ndarray, labels: np.ndarray) -> Weights:
    """Answers of the file's own weights, and after one step with the first batch of these rows."""
    done, own = len(learner.about["preprocessing"]), learner.weights()
    arrays = {"inputs": rows, "labels": labels.astype(np.int32), "outputs": _scores(learner, rows)}
    first = slice(0, min(len(rows), learner.batch))
    learner.train(rows[first], labels[first], done=done)
    arrays["learnt"] = _scores(learner, rows)
    learner.set_weights(own)
    return arrays


def _judged(learner: Learner, rows: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Loss, and the share of rows right."""
    scores = _scores(learner, rows).astype(np.float64)
    chosen = np.clip(scores[np.arange(len(labels)), labels], 1e-7, 1)
    return float(-np.log(chosen).mean()), float((scores.argmax(axis=1) == labels).mean())


def _scores(learner: Learner, rows: np.ndarray) -> np.ndarray:
    """Of prepared rows."""
    return np.stack([one.outputs for one in learner.predict(rows, done=len(learner.about["preprocessing"]))])
