"""Makes each variant of a model where TensorFlow cannot be imported: prints the seconds of each, its proof included."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from lighterage.launching.artifacts import Dataset, Model
from lighterage.steps.edge.quantize.quantize import quantize

VARIANTS = ("float16", "dynamic_int8", "int8")
TRIES = 3
"""of which the quickest counts: others on the machine only make it slower"""


def main(tflite: str, calibration: str) -> None:
    assert "tensorflow" not in sys.modules
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # whoever imports it fails, in child processes too
    with redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        given = Path(tflite), Path(calibration), Path(folder)
        seconds = {variant: min(_seconds(variant, *given, turn) for turn in range(TRIES)) for variant in VARIANTS}
    print(json.dumps(seconds))


def _seconds(variant: str, tflite: Path, calibration: Path, folder: Path, turn: int) -> float:
    given: dict[str, Any] = {"calibration_rows": 200, "seed": 0, "on_fail": "stop", "timeout": 300.0}
    start = time.perf_counter()
    made = Model(folder / f"{variant}-{turn}")
    quantize(model=Model(tflite), variant=variant, tflite=made, calibration=Dataset(calibration), **given)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
