"""One variant of a float32 model, made in a child process and looked at before anybody gets it."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lighterage.launching.artifacts import Dataset, Model
from lighterage.launching.child import Crashed, Refused, run_in_child
from lighterage.schemas import BadInput

from .calibration import calibration_rows as rows_for
from .calibration import digest
from .variants import CALIBRATED, make

MADE_WITH = ("ai-edge-litert", "litert-quantizer")


def quantize(
    *,
    model: Model,
    variant: str,
    tflite: Model,
    calibration_rows: int,
    seed: int,
    on_fail: str,
    timeout: float,
    calibration: Dataset | None = None,
) -> dict[str, int]:
    """Writes the variant. Raises BadInput for calibration that cannot be used; for the rest as ``on_fail`` says."""
    about = model.about()
    if about.get("variant") != "float32":
        raise BadInput(f"variants are made from float32, and this model is {about.get('variant', 'no TFLite model')!r}")
    rows, calibrated = None, None
    if variant in CALIBRATED:
        if calibration is None:
            raise BadInput(f"{variant} needs real rows that show the range of values: calibration")
        rows = rows_for(model, calibration, calibration_rows, seed)
        calibrated = {"rows": len(rows), "seed": seed, "digest": digest(rows)}
    told = about | {"variant": variant, "calibration": calibrated, "made_with": _made_with(about, variant)}
    try:
        content, found = run_in_child(make, variant, _content(model), rows, about["kernel_values"], timeout=timeout)
    except (Refused, Crashed) as failure:
        stage = "refused" if isinstance(failure, Refused) else "failed"
        if on_fail == "stop":
            raise (BadInput if stage == "refused" else RuntimeError)(f"{variant}: {failure}") from None
        print(f"{variant} is dropped: {failure}", flush=True)
        del told["tensors"]
        write_model(
            tflite.path, None, told | {"refused": {"stage": "quantize", "status": stage, "reason": str(failure)}}
        )
        return {"size": 0}
    print(f"{variant}: {len(content)} bytes; constants {found['constants']}", flush=True)
    write_model(tflite.path, content, told | found)
    return {"size": len(content)}


def write_model(folder: Path, content: bytes | None, about: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "model.tflite").write_bytes(content)
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def _content(model: Model) -> bytes:
    try:
        return (model.path / "model.tflite").read_bytes()
    except OSError:
        raise BadInput("there is no model.tflite in this model") from None


def _made_with(about: dict[str, Any], variant: str) -> dict[str, str]:
    ours = {} if variant == "float32" else {name: version(name) for name in MADE_WITH}
    return dict(sorted((about["made_with"] | ours).items()))
