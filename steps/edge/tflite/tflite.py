"""From a Keras model to the smallest file that is proven to do the same."""

from __future__ import annotations

import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput

from lighterage.launching.child import Crashed, Refused, run_in_child
from .choose import broken_limits, check_budget, first_fit, table
from .export import export_float32
from .flatbuffer import check_file
from .measure import KERNELS, check_same, measure, runtime
from .quantize import pick_calibration, quantize

FORMAT = "lighterage/tflite/1"
MADE_WITH = ("ai-edge-litert", "keras", "litert-quantizer", "tensorflow")


def tflite(
    *,
    model: Model,
    calibration: Dataset,
    test: Dataset,
    tflite: Model,
    report: Metrics,
    variants: list[str],
    budget: dict[str, Any],
    calibration_rows: int,
    seed: int,
    variant_timeout: float,
) -> dict[str, Any]:
    """Writes the first of ``variants`` inside ``budget``. Raises BadInput if none is."""
    about = model.about()
    check_budget(budget, classification=bool(about["classes"]))
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
    tensors = {side: entry[side] for side in ("input", "output")}
    described = json.dumps(
        about | {"format": FORMAT, "variant": chosen, "tensors": tensors}, indent=1, ensure_ascii=False
    )
    (tflite.path / "model.json").write_text(described + "\n", encoding="utf-8")
    return {"variant": chosen, "accuracy": entry["accuracy"], "size": entry["size"]}


class _Job:
    """One model, the rows that judge it, and a folder for its variants."""

    def __init__(
        self, model: Model, calibration: Dataset, test: Dataset, wanted: int, seed: int, timeout: float
    ) -> None:
        self.model, self.timeout, self.seed = model, timeout, seed
        self.classes: list[str] = model.about()["classes"]
        columns, judged = calibration.read(), test.read()
        self.calibration = pick_calibration(columns, model.inputs_from(columns), wanted, seed)
        self.rows, self.labels = model.inputs_from(judged), judged.label()
        if judged.classes != self.classes:
            raise BadInput(f"the model knows the classes {self.classes}, but the test rows {judged.classes}")
        for what, rows in (("test", self.rows), ("calibration", self.calibration)):
            if not len(rows):
                raise BadInput(f"there are no {what} rows")

    def file(self, variant: str) -> Path:
        return self.folder / f"{variant}.tflite"

    def export(self, folder: Path) -> None:
        """The float32 file that variants are made from, and the outputs that they are compared with."""
        self.folder, self.source = folder, folder / "source.tflite"
        try:
            self.reference, self.kernel_values = run_in_child(
                export_float32, self.model.path, self.rows, self.source, timeout=self.timeout
            )
        except Crashed as crash:
            raise RuntimeError(f"the conversion to TFLite failed: {crash}") from None
        if not np.isfinite(self.reference).all():
            raise BadInput("the Keras model itself answers NaN or infinity for some test rows")

    def attempt(self, variant: str, budget: dict[str, Any]) -> dict[str, Any]:
        """What became of a variant: fit, over_budget, refused or failed, with figures and reasons."""
        try:
            figures = run_in_child(self._make, variant, timeout=self.timeout)
        except Refused as refusal:
            return {"status": "refused", "reasons": [str(refusal)]}
        except Crashed as crash:
            return {"status": "failed", "reasons": [str(crash)]}
        figures["size_kb"] = figures["size"] / 1024
        figures["size_ratio"] = figures["size"] / self.source.stat().st_size
        broken = broken_limits(figures, budget)
        return {"status": "over_budget" if broken else "fit", "reasons": broken, **figures}

    def _make(self, variant: str) -> dict[str, Any]:
        """Runs in the child."""
        file = self.file(variant)
        quantize(variant, self.source, self.calibration, file)
        facts = check_file(file.read_bytes(), variant, self.kernel_values)
        figures = measure(file, self.rows, self.labels, self.reference, bool(self.classes))
        if variant == "float32":
            check_same(figures, self.reference)
        return {**figures, "operators": dict(sorted(facts.operators.items()))}

    def report(self, entries: dict[str, Any], budget: dict[str, Any], chosen: str) -> dict[str, Any]:
        """What is known of the source and of every variant."""
        source = {"size": self.source.stat().st_size, "parameters": self.model.about()["parameters"]}
        if self.classes:
            source["accuracy"] = float((self.reference.argmax(axis=1) == self.labels).mean())
        digest = hashlib.sha256(np.ascontiguousarray(self.calibration).tobytes()).hexdigest()
        return {
            "runtime": runtime(),
            "kernels": KERNELS,
            "rows": len(self.rows),
            "budget": budget,
            "preference": list(entries),
            "chosen": chosen,
            "made_with": {name: version(name) for name in MADE_WITH},
            "source": source,
            "calibration": {"rows": len(self.calibration), "seed": self.seed, "digest": f"sha256:{digest}"},
            "variants": entries,
        }
