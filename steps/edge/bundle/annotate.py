"""Puts into a `.tflite` file what it is, so that a file alone, without its bundle, can still be told from others."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.edge.packing import describe, read_tree, with_files, write_tree
from lighterage.edge.runtime import Runtime
from lighterage.schemas import BadInput


def annotated(model: bytes, about: dict[str, Any], labels: bytes | None) -> bytes:
    """The model with ``about`` inside, and `labels.txt` appended as a zip.

    That is where TFLite's metadata keeps associated files, and `zipfile` and unzip read it there.
    """
    tree = read_tree(model)
    describe(tree, about)
    content = write_tree(tree)
    return with_files(content, {"labels.txt": labels}) if labels else content


def same_outputs(model: bytes, other: bytes, rows: np.ndarray) -> np.ndarray:
    """What both answer on reference kernels. Raises BadInput unless they do so bit by bit, on default kernels too."""
    for kernels in ("default", "reference"):
        expected = Runtime(model, kernels=kernels).outputs(rows)
        if Runtime(other, kernels=kernels).outputs(rows).tobytes() != expected.tobytes():
            raise BadInput(f"with its description inside, the model answers otherwise on {kernels} kernels")
    return expected
