"""Inputs and outputs that prove on a device that the model runs there as it did here."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.columns import Columns

KERNELS = "BUILTIN_REF"
"""The reference kernels: other runtimes give the same int8 results bit by bit; XNNPACK's differ a little."""


def pick_rows(columns: Columns, inputs: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Some rows, classes in turn where there are classes."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    if columns.classes and columns.named("label"):
        labels = columns.label()[order]
        turn = np.array([np.count_nonzero(labels[:place] == label) for place, label in enumerate(labels)])
        order = order[np.argsort(turn, kind="stable")]
    return inputs[order[:wanted]]


def write_arrays(file: Path, **arrays: np.ndarray) -> None:
    """An `.npz` with the same bytes for the same arrays: what numpy writes depends on Python's patch version."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def golden_outputs(file: Path, rows: np.ndarray) -> np.ndarray:
    """Outputs ``(rows, outputs)`` as float32, computed by the reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_path=str(file), num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    (given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for row in rows:
        interpreter.set_tensor(given["index"], _stored(row, given)[None])
        interpreter.invoke()
        outputs.append(_meant(interpreter.get_tensor(got["index"])[0], got))
    return np.stack(outputs)


def _stored(row: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:
        return row.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(row / scale + zero), limits.min, limits.max).astype(details["dtype"])


def _meant(raw: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    return ((raw.astype(np.float32) - zero) * scale if scale else raw).astype(np.float32)
