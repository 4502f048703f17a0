"""A bundle in use: load, feed, run, fetch, predict."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .content import MANIFEST, checked, open_content
from .errors import BundleError, InputError
from .manifest import Manifest, Tensor, check_labels, read_manifest
from .modelfile import check_model
from .preprocessing import Operation, Window, read_operations
from .runtime import Kernels, Runtime

if TYPE_CHECKING:
    from .stream import Stream
    from .verifying import Verdict


@dataclass(frozen=True)
class Prediction:
    """An answer."""

    at: int
    """the row; in a stream the number of the window's first sample"""
    label: str | None
    """name of the class with the highest score; None for a quantity"""
    score: float
    """score of that class; the quantity itself"""
    outputs: np.ndarray = field(repr=False, compare=False)
    """all outputs ``(outputs,)``, float32, classes in the order of ``labels``"""


class Bundle:
    """A model with labels, preprocessing and proofs. `Bundle.load` makes one. Not for several threads at once."""

    def __init__(self, manifest: Manifest, files: dict[str, bytes], threads: int, kernels: Kernels) -> None:
        self.manifest = manifest
        self.threads = threads
        self.operations: list[Operation] = read_operations(manifest.preprocessing, manifest.input.shape[1:])
        self._golden = files[manifest.golden]
        self._model = files[manifest.model]
        self._runtime = Runtime(self._model, manifest, threads, kernels)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int = 1, kernels: Kernels = "default") -> Bundle:
        """From a folder or a zip, every digest checked. ``threads`` are for one call of the model.

        Raises BundleError: ``kind`` is its name, and the text says what to do.
        """
        read = open_content(Path(path))
        manifest = read_manifest(read(MANIFEST))
        files = {name: checked(read, name, entry.digest, entry.size) for name, entry in manifest.files.items()}
        if manifest.labels:
            check_labels(manifest, files[manifest.labels])
        check_model(files[manifest.model], manifest)
        return cls(manifest, files, threads, kernels)

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def labels(self) -> list[str]:
        """Names of the outputs, in order; none for a quantity."""
        return self.manifest.classes

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.manifest.input,)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.manifest.output,)

    @property
    def kernels(self) -> str:
        """The kernel set at work: `XNNPACK`, `BUILTIN` or `BUILTIN_REF`."""
        return self._runtime.kernels

    @property
    def window(self) -> Window | None:
        """How sensor data is cut; None for a bundle that takes single rows."""
        return next((one for one in self.operations if isinstance(one, Window)), None)

    def feed(self, values: Any) -> None:
        """One row as the model takes it: prepared (see `prepare`), float32, quantized here where the model is."""
        self._runtime.feed(np.asarray(values))

    def run(self) -> None:
        self._runtime.run()

    def fetch(self) -> np.ndarray:
        """The outputs of the last `run`, ``(outputs,)``, float32."""
        return self._runtime.fetch()

    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Raw rows as the model takes them, float32. ``done`` operations of the preprocessing were applied already.

        Raises InputError for another shape, for text, and for values that are not finite.
        """
        values = np.asarray(rows)
        shape = self.manifest.input.shape[1:]
        if values.shape[1:] != shape:
            hint = "; samples go to stream()" if self.window and values.ndim == 2 else ""
            raise InputError(
                f"rows of shape {shape} are needed, with a dimension for the rows before it, not {values.shape}{hint}"
            )
        if values.dtype.kind not in "biuf":
            raise InputError(f"the rows hold {values.dtype}, but numbers are needed")
        if not np.isfinite(values).all():
            raise InputError("the rows hold values that are empty, NaN or infinite")
        for operation in self.operations[done:]:
            values = operation.apply(values)
        return values.astype(np.float32)

    def predict(self, rows: Any, *, done: int = 0) -> list[Prediction]:
        """An answer for each of ``(rows, …)``: raw features in, preprocessing done here. See `prepare`.

        Raises BundleError for answers that are no finite numbers.
        """
        answers = self._runtime.outputs(self.prepare(rows, done=done))
        if len(bad := np.flatnonzero(~np.isfinite(answers).all(axis=1))):
            what = f"the model answers NaN or infinity for {len(bad)} of {len(answers)} rows, the first row {bad[0]}"
            raise BundleError("failed-run", what, "verify the bundle; if it is sound, look at that row")
        best = answers.argmax(axis=1) if self.labels else np.zeros(len(answers), int)
        return [
            Prediction(at, self.labels[one] if self.labels else None, float(outputs[one]), outputs)
            for at, (one, outputs) in enumerate(zip(best.tolist(), answers, strict=True))
        ]

    def stream(self, *, hop: int | None = None, rate_hz: float | None = None, done: int = 0) -> Stream:
        """Takes a sensor's samples as they come; see `Stream`."""
        from .stream import Stream

        return Stream(self, hop=hop, rate_hz=rate_hz, done=done)

    def verify(self) -> Verdict:
        """Runs the golden inputs on the reference kernels and on the ones in use; see `Verdict`."""
        from .verifying import verify

        return verify(self.manifest, self._model, self._golden, self._runtime)

    def describe(self) -> dict[str, Any]:
        """What there is to know, as data for JSON."""
        manifest, window = self.manifest, self.window
        return {
            "name": manifest.name,
            "task": manifest.task,
            "variant": manifest.variant,
            "bytes": len(self._model),
            "model": manifest.files[manifest.model].digest,
            "input": _described(manifest.input),
            "output": _described(manifest.output),
            "labels": self.labels,
            "features": window.channels if window else manifest.features,
            "rate_hz": manifest.rate_hz,
            "window": {"size": window.size, "hop": window.stride} if window else None,
            "preprocessing": [entry["op"] for entry in manifest.preprocessing],
            "kernels": self.kernels,
            "runtime": runtime_version(),
            "threads": self.threads,
        }


def runtime_version() -> str:
    from importlib.metadata import (
        PackageNotFoundError,
        version,
    )  # a quarter of the time that this library takes to import

    try:
        return f"ai-edge-litert {version('ai-edge-litert')}"
    except PackageNotFoundError:  # vendored without its metadata
        return "ai-edge-litert"


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"shape": list(tensor.shape), "dtype": tensor.dtype, "scale": tensor.scale, "zero_point": tensor.zero_point}
