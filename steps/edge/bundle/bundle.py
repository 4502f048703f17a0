"""Puts a model, its proofs and its description into one file whose bytes depend on nothing but them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lighterage.edge import BundleError
from lighterage.edge.bundle import runtime_version
from lighterage.edge.packing import canonical, stable_arrays, stable_zip
from lighterage.launching.artifacts import Artifact, Dataset, Metrics, Model
from lighterage.schemas import BadInput
from lighterage.schemas.bundle import Bundle

from .annotate import annotated, same_outputs
from .card import model_card

FORMAT = "lighterage/bundle/1"
KERNELS = "BUILTIN_REF"
"""The reference kernels: other runtimes give the same int8 results bit by bit; XNNPACK's differ a little."""


def bundle(
    *, model: Model, report: Metrics, data: Dataset, bundle: Artifact, name: str, golden_rows: int, seed: int
) -> dict[str, int]:
    """Writes the zip. Raises BadInput when model, report and data do not belong together."""
    about, measured = model.about(), report.read()
    content = _model_file(model.path)
    proof = proof_of(about, measured, digest(content))
    columns = data.read()
    rows = model.inputs_from(columns)[columns.spread(seed)[:golden_rows]]
    labels = ("\n".join(about["classes"]) + "\n").encode() if about["classes"] else None
    provenance = _provenance(content, about, measured)
    whole = annotated(content, _inside(name, about, provenance), labels)
    try:
        outputs = same_outputs(content, whole, rows)
    except BundleError as error:
        raise BadInput(str(error)) from None
    files = {
        "model.tflite": whole,
        "golden.npz": stable_arrays({"inputs": rows, "outputs": outputs}),
        "report.json": report.path.read_bytes(),
        "MODEL_CARD.md": model_card(name, about, measured, len(whole)).encode(),
        **({"labels.txt": labels} if labels else {}),
    }
    manifest = {
        **_described(name, about, proof),
        "target": {key: measured["target"][key] for key in ("profile", "checked")},
        "golden": {"file": "golden.npz", "rows": len(rows), "runtime": runtime_version(), "kernels": KERNELS},
        "report": "report.json",
        "provenance": provenance,
        "files": {file: {"digest": digest(files[file]), "size": len(files[file])} for file in sorted(files)},
    }
    files["manifest.json"] = (Bundle.model_validate(manifest).model_dump_json(indent=1) + "\n").encode()
    bundle.path.write_bytes(packed := stable_zip(files))
    return {"size": len(packed)}


def proof_of(about: dict[str, Any], measured: dict[str, Any], found: str) -> dict[str, Any]:
    """What the report says of this variant. Raises BadInput when it does not speak of it, or of another file."""
    variant = about.get("variant")
    proof = measured.get("variants", {}).get(variant)
    if proof is None or proof.get("status") != "fit":
        raise BadInput(f"the report does not prove the variant {variant!r}; give it edge/choose's")
    if proof["digest"] != found:
        raise BadInput(f"the report proves another {variant} file than this model's")
    return proof


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _model_file(folder: Path) -> bytes:
    file = folder / "model.tflite"
    if not file.is_file():
        raise BadInput("the model's folder has no model.tflite: the variant was dropped")
    return file.read_bytes()


def _provenance(content: bytes, about: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": about["source"],
        "parameters": about["parameters"],
        "model": digest(content),
        "calibration": about["calibration"]["digest"] if about.get("calibration") else None,
        "budget": digest(canonical(measured["budget"])),
        "made_with": measured["made_with"],
    }


def _inside(name: str, about: dict[str, Any], provenance: dict[str, Any]) -> dict[str, Any]:
    """What the model's own file says. Classes too: labels.txt can be cut off."""
    about = {key: about[key] for key in ("task", "variant", "classes", "features", "rate_hz", "preprocessing")}
    return {"format": FORMAT, "name": name, **about, "provenance": provenance}


def _described(name: str, about: dict[str, Any], proof: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": name,
        "task": about["task"],
        "model": {
            "file": "model.tflite",
            "variant": about["variant"],
            **about["tensors"],
            "operators": proof["operators"],
        },
        "classes": about["classes"],
        "labels": "labels.txt" if about["classes"] else None,
        "features": about["features"],
        "rate_hz": about["rate_hz"],
        "preprocessing": about["preprocessing"],
    }
