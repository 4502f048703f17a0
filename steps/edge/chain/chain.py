"""Joins bundles to one whose stages feed each other; its bytes depend on nothing but them, the wiring and the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lighterage.edge import BundleError
from lighterage.edge.bundle import runtime_version
from lighterage.edge.chain import FORMAT
from lighterage.edge.content import open_zip
from lighterage.edge.joined import Joined, Ran, same_target
from lighterage.edge.loading import load_single
from lighterage.edge.packing import canonical, stable_arrays, stable_zip
from lighterage.edge.wiring import read_stages
from lighterage.launching.artifacts import Artifact, Dataset, Metrics
from lighterage.launching.columns import Columns, check_finite
from lighterage.schemas import BadInput
from lighterage.schemas.chain import Chain

from .card import model_card
from .merge import check_same, merged

Found = dict[str, Ran]


def chain(
    *,
    bundles: list[Artifact],
    stages: list[dict[str, Any]],
    data: Dataset,
    bundle: Artifact,
    report: Metrics,
    name: str,
    golden_rows: int,
    seed: int,
    one_file: bool,
) -> dict[str, int]:
    """Writes the zip. Raises BadInput for wiring that does not fit, and for data that is no input of the chain."""
    if len(bundles) != len(stages):
        raise BadInput(f"there are {len(bundles)} bundles for {len(stages)} stages")
    with _as_bad_input():
        wired = read_stages(stages)
        joined = join(wired, bundles, "default")
        columns = data.read()
        inputs, done = whole_inputs(columns, joined)
        prepared = joined.prepare(inputs, done=done)
        measured = measure(joined, joined.compute(prepared), columns)
        reference = join(wired, bundles, "reference")
        rows, found = pick_golden(reference, prepared, golden_rows, seed)
        target = same_target(joined.bundles)
    files = {f"{stage.name}.zip": one.path.read_bytes() for stage, one in zip(wired, bundles, strict=True)}
    outputs = {f"outputs.{stage}": ran.outputs for stage, ran in found.items()}
    files["golden.npz"] = stable_arrays({"inputs": inputs[rows], **outputs})
    files["report.json"] = canonical(measured)
    files["MODEL_CARD.md"] = model_card(name, joined, stages, measured, target).encode()
    if one_file:
        files["model.tflite"] = _one_file(name, stages, reference, prepared[rows], found)
    manifest = {
        "format": FORMAT,
        "name": name,
        "stages": [{**entry, "bundle": f"{entry['name']}.zip"} for entry in stages],
        "classes": joined.labels(),
        "one_file": "model.tflite" if one_file else None,
        "target": target,
        "golden": {
            "file": "golden.npz",
            "rows": len(rows),
            "done": done,
            "runtime": runtime_version(),
            "kernels": "BUILTIN_REF",
        },
        "report": "report.json",
        "files": {file: _entry(files[file]) for file in sorted(files)},
        "provenance": {"data": columns.source},
    }
    files["manifest.json"] = (Chain.model_validate(manifest).model_dump_json(indent=1) + "\n").encode()
    bundle.path.write_bytes(packed := stable_zip(files))
    report.write(measured)
    return {"size": len(packed)}


def join(wired: list[Any], bundles: list[Artifact], kernels: Any) -> Joined:
    """The stages with their models, found to fit. Raises BundleError."""
    loaded = {}
    for stage, artifact in zip(wired, bundles, strict=True):
        loaded[stage.name] = load_single(open_zip(artifact.path, f"the bundle of {stage.name!r}"), 1, kernels, None)
    return Joined(wired, loaded)


def whole_inputs(columns: Columns, joined: Joined) -> tuple[np.ndarray, int]:
    """Rows as they come to the chain, and how many of its operations they went through. Raises BadInput."""
    for name in columns.named("feature"):
        check_finite(name, columns.values[name])
    done = len(columns.preprocessing)
    if columns.preprocessing != joined.preprocessing[:done]:
        here = " then ".join(entry["op"] for entry in columns.preprocessing)
        raise BadInput(
            f"the data went through {here}, which is not how every stage that sees the input begins: give it as it was before"
        )
    if columns.named("feature") != joined.first.features:
        raise BadInput(
            f"the first stage knows the features {joined.first.features}, but the data has {columns.named('feature')}"
        )
    inputs = np.asarray(columns.features())
    if inputs.shape[1:] != joined.shape:
        raise BadInput(f"the first stage takes rows of shape {joined.shape}, but the data has {inputs.shape[1:]}")
    return inputs, done


def measure(joined: Joined, found: Found, columns: Columns) -> dict[str, Any]:
    """Who answered how often, and how often that was right where the data says what is."""
    answers = list(joined.predictions(found))
    measured: dict[str, Any] = {
        "runtime": runtime_version(),
        "kernels": ", ".join(sorted({bundle.kernels for bundle in joined.bundles.values()})),
        "rows": len(answers),
        "ran": {name: int(ran.active.sum()) for name, ran in found.items()},
        "answered": {name: sum(one.stage == name for one in answers) for name in found},
    }
    if columns.classes and columns.named("label"):
        if unknown := sorted(set(joined.labels()) - set(columns.classes)):
            raise BadInput(f"the chain may answer {unknown}, but the data's label has the classes {columns.classes}")
        truth = [columns.classes[code] for code in columns.label().tolist()]
        measured["accuracy"] = float(np.mean([one.label == said for one, said in zip(answers, truth, strict=True)]))
    return measured


def pick_golden(joined: Joined, prepared: np.ndarray, wanted: int, seed: int) -> tuple[np.ndarray, Found]:
    """Rows in turn by what the chain answers, and every stage's outputs for them. Raises BadInput where one never runs."""
    order = np.random.default_rng(seed).permutation(len(prepared))
    answers = list(joined.predictions(joined.compute(prepared[order])))
    turns: dict[tuple[str | None, str | None], int] = {}
    places = []
    for one in answers:
        turns[one.stage, one.label] = place = turns.get((one.stage, one.label), -1) + 1
        places.append(place)
    rows = order[np.argsort(places, kind="stable")][:wanted]
    found = joined.compute(prepared[rows])
    if idle := [name for name, ran in found.items() if not ran.active.any()]:
        raise BadInput(
            f"for none of the {len(rows)} golden rows the stage {idle[0]!r} runs; give more rows, or other data"
        )
    return rows, found


def _one_file(name: str, stages: list[Any], joined: Joined, prepared: np.ndarray, found: Found) -> bytes:
    models = {stage: bundle.model for stage, bundle in joined.bundles.items()}
    whole = merged(models, {"format": FORMAT, "name": name, "stages": stages})
    check_same(whole, models, {stage.name: joined.given(stage, prepared, found) for stage in joined.stages})
    return whole


def _entry(content: bytes) -> dict[str, Any]:
    return {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


@contextmanager
def _as_bad_input() -> Iterator[None]:
    try:
        yield
    except BundleError as error:
        raise BadInput(str(error)) from None
