"""Several models as one bundle: each stage's answers go to the next as the wiring says."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import Bundle, Prediction, check_answers, check_rows, runtime_version
from .content import MANIFEST, Read, checked, open_zip
from .errors import BundleError, InputError
from .joined import Joined, Ran
from .loading import load_single
from .manifest import Entry, Target, Tensor, all_of, check_target, entry_of, field_of, parse, read_target, wrong
from .preprocessing import Window
from .runtime import Kernels
from .single import Single
from .verifying import Check, Verdict, check, read_arrays
from .wiring import read_stages

FORMAT = "lighterage/chain/1"


@dataclass(frozen=True)
class ChainManifest:
    """The fields have the names and the meaning of the schema; ``data`` is all of it."""

    name: str
    stages: list[dict[str, Any]]
    labels: list[str]
    target: Target
    golden: str
    golden_rows: int
    golden_done: int
    golden_runtime: str
    files: dict[str, Entry]
    data: dict[str, Any]


def read_chain_manifest(content: bytes) -> ChainManifest:
    """Raises BundleError for a field that is missing or no value that it can have."""
    data = parse(content)
    golden = field_of(data, "golden", dict)
    manifest = ChainManifest(
        name=field_of(data, "name", str),
        stages=all_of(field_of(data, "stages", list), dict, "stages"),
        labels=all_of(field_of(data, "classes", list), str, "classes"),
        target=read_target(data),
        golden=field_of(golden, "file", str),
        golden_rows=field_of(golden, "rows", int),
        golden_done=field_of(golden, "done", int),
        golden_runtime=field_of(golden, "runtime", str),
        files={name: entry_of(name, one) for name, one in field_of(data, "files", dict).items()},
        data=data,
    )
    for name in (manifest.golden, *(field_of(stage, "bundle", str) for stage in manifest.stages)):
        if name not in manifest.files:
            raise wrong(f"{name!r} is not among the manifest's files")
    return manifest


def load_chain(read: Read, threads: int, kernels: Kernels, target: str | None) -> Chain:
    """Every digest checked, those inside the stages' bundles too. Raises BundleError."""
    manifest = read_chain_manifest(read(MANIFEST))
    check_target(manifest.target, target)
    files = {name: checked(read, name, entry.digest, entry.size) for name, entry in manifest.files.items()}
    stages = read_stages(manifest.stages)
    bundles = {}
    for stage, entry in zip(stages, manifest.stages, strict=True):
        inside = open_zip(io.BytesIO(files[entry["bundle"]]), entry["bundle"])
        bundles[stage.name] = load_single(inside, threads, kernels, manifest.target.profile)
    return Chain(manifest, Joined(stages, bundles), files[manifest.golden], threads)


class Chain(Bundle):
    """What `Bundle` says, done by several models."""

    def __init__(self, manifest: ChainManifest, joined: Joined, golden: bytes, threads: int) -> None:
        """Raises BundleError where the manifest names other classes than the stages have."""
        self.manifest, self.joined = manifest, joined
        self.name, self.task, self.labels = manifest.name, joined.last.task, joined.labels()
        self.features, self.rate_hz = joined.first.features, joined.first.rate_hz
        self.preprocessing = joined.preprocessing
        self.target, self.threads = manifest.target, threads
        self._golden = golden
        self._row: np.ndarray | None = None
        self._answer: Prediction | None = None
        if not 0 <= manifest.golden_done <= len(self.preprocessing):
            raise wrong(f"the golden inputs went through {manifest.golden_done} operations that the stages share")
        if manifest.labels != self.labels:
            what = f"the manifest says {manifest.labels}, the stages {self.labels}"
            raise BundleError("wrong-labels", what, "make the chain again; its answers would get wrong names")

    @property
    def stages(self) -> dict[str, Single]:
        """The bundles by stage, in order."""
        return dict(self.joined.bundles)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The first stage's."""
        return self.joined.first.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The last stage's."""
        return self.joined.last.outputs

    @property
    def window(self) -> Window | None:
        return self.joined.first.window

    @property
    def kernels(self) -> str:
        """Those of the stages; several where they differ."""
        return ", ".join(sorted({bundle.kernels for bundle in self.joined.bundles.values()}))

    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Raw rows after the operations that all stages share; each stage goes on from there."""
        return self.joined.prepare(rows, done=done)

    def feed(self, values: Any) -> None:
        """One row as `prepare` gives it, with or without a batch of one."""
        row = np.asarray(values)
        self._row = row[None] if row.shape == self.joined.shape else row
        check_rows(self._row, self.joined.shape, None)

    def run(self) -> None:
        if self._row is None:
            raise InputError("feed a row first")
        self._answer = next(iter(self._predictions(self._row)))

    def fetch(self) -> np.ndarray:
        """The outputs of the stage that answered."""
        if self._answer is None:
            raise InputError("run first")
        return self._answer.outputs

    def predict(self, rows: Any, *, done: int = 0) -> list[Prediction]:
        """An answer for each of ``(rows, …)``, by the last stage that ran; its ``stage`` names it."""
        return self._predictions(self.prepare(rows, done=done))

    def verify(self) -> Verdict:
        """Each stage on what the stages before it gave when the golden outputs were made: differences do not add up."""
        found, inputs = self._read_golden()
        prepared = self.prepare(inputs, done=self.manifest.golden_done)
        checks: list[Check] = []
        for stage in self.joined.stages:
            bundle, active = self.joined.bundles[stage.name], found[stage.name].active
            rows = self.joined.given(stage, prepared, found)
            expected = found[stage.name].outputs[active].reshape(-1, *bundle.outputs[0].shape[1:])
            for one in bundle.runtimes():
                allowed = bundle.tolerance(one.kernels, expected)
                checks.append(check(one.kernels, one.outputs(rows), expected, allowed, bool(bundle.labels), stage.name))
        return Verdict(runtime_version(), self.manifest.golden_runtime, checks)

    def _of_its_models(self) -> dict[str, Any]:
        bundles = self.joined.bundles
        return {"stages": [{**entry, "bundle": bundles[entry["name"]].describe()} for entry in self.manifest.stages]}

    def _predictions(self, prepared: np.ndarray) -> list[Prediction]:
        return list(self.joined.predictions(self.joined.compute(prepared)))

    def _read_golden(self) -> tuple[dict[str, Ran], np.ndarray]:
        """What each stage gave, and the whole inputs. Raises BundleError for arrays that are no such."""
        name, rows = self.manifest.golden, self.manifest.golden_rows
        arrays = read_arrays(name, self._golden)
        shapes = {"inputs": (rows, *self.joined.shape)}
        for stage in self.joined.stages:
            shapes[f"outputs.{stage.name}"] = (
                rows,
                stage.parts,
                *self.joined.bundles[stage.name].outputs[0].shape[1:],
            )
        for key, shape in shapes.items():
            if key not in arrays or arrays[key].shape != shape or arrays[key].dtype.kind not in "biuf" or not rows:
                there = arrays[key].shape if key in arrays else "nothing"
                raise BundleError(
                    "damaged-file", f"{name} holds {there} as {key}, not {shape} of numbers", "make the chain again"
                )
        found: dict[str, Ran] = {}
        for stage in self.joined.stages:
            outputs = check_answers(arrays[f"outputs.{stage.name}"], f"{name}'s {stage.name}")
            found[stage.name] = Ran(outputs, *self.joined.active(stage, found, rows))
            if not found[stage.name].active.any():
                raise BundleError("damaged-file", f"no row of {name} reaches the stage {stage.name}", "make it again")
        return found, arrays["inputs"]
