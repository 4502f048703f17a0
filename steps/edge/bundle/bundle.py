"""Puts a model, its proofs and its description into one folder whose bytes depend on nothing but them."""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lighterage.launching.artifacts import Artifact, Dataset, Metrics, Model
from lighterage.schemas import BadInput
from lighterage.schemas.bundle import Bundle

from .card import model_card
from .golden import KERNELS, golden_outputs, pick_rows, write_arrays


def bundle(
    *, model: Model, report: Metrics, data: Dataset, bundle: Artifact, name: str, golden_rows: int, seed: int
) -> dict[str, int]:
    """Writes the folder. Raises BadInput when model, report and data do not belong together."""
    about, measured = model.about(), report.read()
    proof = proof_of(about, measured)
    columns = data.read()
    rows = pick_rows(columns, model.inputs_from(columns), golden_rows, seed)
    folder = bundle.path
    folder.mkdir(parents=True)
    shutil.copyfile(model.path / "model.tflite", folder / "model.tflite")
    write_arrays(folder / "golden.npz", inputs=rows, outputs=golden_outputs(folder / "model.tflite", rows))
    if about["classes"]:
        (folder / "labels.txt").write_text("\n".join(about["classes"]) + "\n", encoding="utf-8")
    shutil.copyfile(report.path, folder / "report.json")
    (folder / "MODEL_CARD.md").write_text(model_card(name, about, measured), encoding="utf-8")
    manifest = {
        **_described(name, about, proof),
        **_proven(len(rows), about, measured),
        "files": {file.name: entry(file) for file in sorted(folder.iterdir())},
    }
    text = Bundle.model_validate(manifest).model_dump_json(indent=1) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return {"size": sum(file.stat().st_size for file in folder.iterdir())}


def proof_of(about: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """What the report says of this variant. Raises BadInput when it does not speak of it."""
    variant = about.get("variant")
    proof = measured.get("variants", {}).get(variant)
    if proof is None or proof.get("status") != "fit":
        raise BadInput(f"the report does not prove the variant {variant!r}")
    return proof


def entry(file: Path) -> dict[str, Any]:
    """Digest and size of a file."""
    content = file.read_bytes()
    return {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


def _described(name: str, about: dict[str, Any], proof: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "lighterage/bundle/1",
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


def _proven(rows: int, about: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    runtime = f"ai-edge-litert {version('ai-edge-litert')}"
    return {
        "golden": {"file": "golden.npz", "rows": rows, "runtime": runtime, "kernels": KERNELS},
        "report": "report.json",
        "provenance": {
            "data": about["source"],
            "parameters": about["parameters"],
            "calibration": measured["calibration"]["digest"],
            "made_with": measured["made_with"],
        },
    }
