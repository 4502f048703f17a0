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


def main(tflite: str, calibration: str) -> None:
    assert "tensorflow" not in sys.modules
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # whoever imports it fails, in child processes too
    with redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        seconds = {variant: _seconds(variant, Path(tflite), Path(calibration), Path(folder)) for variant in VARIANTS}
    print(json.dumps(seconds))


def _seconds(variant: str, tflite: Path, calibration: Path, folder: Path) -> float:
    given: dict[str, Any] = {"calibration_rows": 200, "seed": 0, "on_fail": "stop", "timeout": 300.0}
    start = time.perf_counter()
    quantize(
        model=Model(tflite), variant=variant, tflite=Model(folder / variant), calibration=Dataset(calibration), **given
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
