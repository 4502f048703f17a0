"""The files of a learner: `model.json`, the model, golden arrays, and weights that were saved. Nothing in them is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .content import FILE_NAME
from .errors import BundleError, InputError
from .modelfile import read_facts
from .verifying import read_arrays

FORMAT = "lighterage/learner/1"
MOST_STATE_BYTES = 64 * 1024 * 1024
MAKE_AGAIN = "make the learner again with edge/learn"

Weights = dict[str, np.ndarray]


def read_about(content: bytes) -> dict[str, Any]:
    """`model.json`, as far as it is used here. Raises BundleError."""
    try:
        about = json.loads(content)
        if about["format"] != FORMAT:
            raise ValueError(f"it has the format {about['format']!r}, this library reads {FORMAT!r}")
        files, learner = about["files"], about["learner"]
        sound = (
            {"model.tflite", "golden.npz"} <= files.keys()
            and all(FILE_NAME.fullmatch(name) and {"digest", "size"} <= one.keys() for name, one in files.items())
            and all(isinstance(name, str) for name in about["classes"])
            and all(type(size) is int and size > 0 for size in (*about["input"]["shape"], learner["batch"]))
            and 0 < learner["rate"] < float("inf")
            and isinstance(about["preprocessing"], list)
        )
        if not sound:
            raise ValueError("its fields make no sense")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"model.json is not that of a learner: {type(error).__name__} {error}"
        raise BundleError("wrong-manifest", what, MAKE_AGAIN) from None
    return dict(about)


def check_learner(content: bytes) -> None:
    """Variables are what a learner has; nothing else is allowed here that is not allowed elsewhere."""
    facts = read_facts(content)
    if bad := {"CUSTOM", "DELEGATE"} & facts.operators.keys():
        what = f"it needs {', '.join(sorted(bad | set(facts.custom)))}, which a plain runtime does not have"
        raise BundleError("unfit-model", what, MAKE_AGAIN)


def read_weights(path: Path) -> Weights:
    """Arrays of an `.npz`, without pickles. Raises InputError."""
    try:
        if path.stat().st_size > MOST_STATE_BYTES:
            raise InputError(f"{path} holds no weights: it has over {MOST_STATE_BYTES} bytes")
        return read_arrays(path.name, path.read_bytes())
    except (OSError, BundleError) as error:
        raise InputError(f"{path} holds no weights: {error}") from None


def read_golden(content: bytes) -> Weights:
    """`inputs`, `labels`, `outputs` and `learnt`. Raises BundleError."""
    arrays = read_arrays("golden.npz", content)
    if not {"inputs", "labels", "outputs", "learnt"} <= arrays.keys():
        what = f"golden.npz has no golden arrays: it holds {', '.join(sorted(arrays))}"
        raise BundleError("damaged-file", what, MAKE_AGAIN)
    return arrays
