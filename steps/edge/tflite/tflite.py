"""From a Keras model to the smallest file that is proven to do the same."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput

from .child import Crashed, Refused, run_in_child
from .choose import broken_limits, check_budget, first_fit, table
from .export import export_float32
from .flatbuffer import check_file
from .measure import KERNELS, measure, runtime
from .quantize import calibration_rows, quantize

FORMAT = "lighterage/tflite/1"
FLOAT32_TOLERANCE = 1e-4
"""Largest difference of a float32 file to its source, relative to the outputs where they are larger than 1."""


def tflite(*, model: Model, calibration: Dataset, test: Dataset, tflite: Model, report: Metrics, variants: list[str],
           budget: dict[str, Any], calibration_rows: int, seed: int, variant_timeout: float) -> dict[str, Any]:
    """Writes the first of ``variants`` inside ``budget``, and what all of them reached. Raises BadInput when there is none."""
    about = model.about()
    check_budget(budget, bool(about["classes"]))
    job = _Job(model, calibration, test, calibration_rows, seed, variant_timeout)
    with tempfile.TemporaryDirectory() as folder:
        job.export(Path(folder))
        entries = {variant: job.attempt(variant, budget) for variant in dict.fromkeys(variants)}
        print(table(entries), flush=True)
        chosen = first_fit(entries)
        if chosen is None:
            may_heal = any(entry["status"] == "failed" for entry in entries.values())
            raise (RuntimeError if may_heal else BadInput)("no variant is fit:\n" + table(entries))
        report.write(job.report(entries, budget, chosen))
        tflite.path.mkdir(parents=True)
        (tflite.path / "model.tflite").write_bytes(job.file(chosen).read_bytes())
    entry = entries[chosen]
    described = about | {"format": FORMAT, "variant": chosen, "tensors": {side: entry[side] for side in ("input", "output")}}
    (tflite.path / "model.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"variant": chosen, "accuracy": entry["accuracy"], "size": entry["size"]}


class _Job:
    """One model, the rows that judge it, and a folder for its variants."""

    def __init__(self, model: Model, calibration: Dataset, test: Dataset, wanted: int, seed: int, timeout: float) -> None:
        self.model, self.timeout, self.seed = model, timeout, seed
        self.classes: list[str] = model.about()["classes"]
        columns = calibration.read()
        self.calibration = calibration_rows(columns, model.inputs_from(columns), wanted, seed)
        judged = test.read()
        self.rows, self.labels = model.inputs_from(judged), judged.label()
        if judged.classes != self.classes:
            raise BadInput(f"the model knows the classes {self.classes}, but the test rows have {judged.classes}")
        if not len(self.rows) or not len(self.calibration):
            raise BadInput("there are no test rows" if not len(self.rows) else "there are no calibration rows")

    def file(self, variant: str) -> Path:
        return self.folder / f"{variant}.tflite"

    def export(self, folder: Path) -> None:
        """The float32 file that every variant starts from, and the outputs that every variant is compared with."""
        self.folder, self.source = folder, folder / "source.tflite"
        try:
            self.reference, self.kernel_values = run_in_child(
                export_float32, self.model.path, self.rows, self.source, timeout=self.timeout
            )
        except Crashed as crash:
            raise RuntimeError(f"the conversion to TFLite {crash}") from None
        if not np.isfinite(self.reference).all():
            raise BadInput("the Keras model itself answers NaN or infinity for some test rows")

    def attempt(self, variant: str, budget: dict[str, Any]) -> dict[str, Any]:
        """What became of a variant: fit, over_budget, refused or failed, with figures and reasons."""
        try:
            figures = run_in_child(self._make, variant, timeout=self.timeout)
        except (Refused, Crashed) as failure:
            return {"status": "refused" if isinstance(failure, Refused) else "failed", "reasons": [str(failure)]}
        figures["size_kb"] = figures["size"] / 1024
        figures["size_ratio"] = figures["size"] / self.source.stat().st_size
        broken = broken_limits(figures, budget)
        return {"status": "over_budget" if broken else "fit", "reasons": broken, **figures}

    def _make(self, variant: str) -> dict[str, Any]:
        """Runs in the child."""
        file = self.file(variant)
        quantize(variant, self.source, self.calibration, file)
        facts = check_file(file.read_bytes(), variant, self.kernel_values)
        figures = measure(file, self.rows, self.labels, self.reference, self.classes)
        tolerance = FLOAT32_TOLERANCE * max(1.0, float(np.abs(self.reference).max()))
        if variant == "float32" and figures["max_abs_diff"] > tolerance:
            raise Refused(f"its outputs differ from the source's by up to {figures['max_abs_diff']:.3g}")
        return {**figures, "operators": dict(sorted(facts.operators.items()))}

    def report(self, entries: dict[str, dict[str, Any]], budget: dict[str, Any], chosen: str) -> dict[str, Any]:
        right = self.reference.argmax(axis=1) == self.labels if self.classes else None
        return {
            "runtime": runtime(), "kernels": KERNELS, "rows": len(self.rows), "budget": budget, "chosen": chosen,
            "source": {
                "size": self.source.stat().st_size, "parameters": self.model.about()["parameters"],
                **({"accuracy": float(right.mean())} if right is not None else {}),
            },
            "calibration": {
                "rows": len(self.calibration), "seed": self.seed,
                "digest": "sha256:" + hashlib.sha256(np.ascontiguousarray(self.calibration).tobytes()).hexdigest(),
            },
            "variants": entries,
        }
