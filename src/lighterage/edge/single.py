"""A bundle of one model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bundle import Bundle, Prediction, check_answers, check_rows, prediction, runtime_version
from .manifest import Manifest, Tensor
from .modelfile import check_model
from .preprocessing import Operation, Window, read_operations
from .runtime import Kernels, Runtime, check_tensors
from .verifying import Verdict, check, read_golden, tolerance


class Single(Bundle):
    """What `Bundle` says, done by one model."""

    model: bytes
    """the `.tflite` file"""

    def __init__(self, manifest: Manifest, files: dict[str, bytes], threads: int, kernels: Kernels) -> None:
        """Raises BundleError where the model is not the one that the manifest describes."""
        self.manifest = manifest
        self.name, self.task, self.labels = manifest.name, manifest.task, manifest.classes
        self.features, self.rate_hz, self.preprocessing = manifest.features, manifest.rate_hz, manifest.preprocessing
        self.target, self.threads = manifest.target, threads
        self.operations: list[Operation] = read_operations(manifest.preprocessing, manifest.input.shape[1:])
        self._golden = files[manifest.golden]
        self.model = files[manifest.model]
        self._integers = check_model(self.model, manifest).has_integer_weights
        self._runtime = Runtime(self.model, threads=threads, kernels=kernels)
        check_tensors(self._runtime, manifest)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (self.manifest.input,)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.manifest.output,)

    @property
    def kernels(self) -> str:
        return self._runtime.kernels

    @property
    def window(self) -> Window | None:
        return next((one for one in self.operations if isinstance(one, Window)), None)

    def feed(self, values: Any) -> None:
        """One row as the model takes it: prepared (see `prepare`), float32, quantized here where the model is."""
        self._runtime.feed(np.asarray(values))

    def run(self) -> None:
        self._runtime.run()

    def fetch(self) -> np.ndarray:
        return self._runtime.fetch()

    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Raw rows as the model takes them, float32. ``done`` operations of the preprocessing were applied already."""
        values = check_rows(rows, self.manifest.input.shape[1:], self.window)
        for operation in self.operations[done:]:
            values = operation.apply(values)
        return values.astype(np.float32)

    def compute(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Outputs ``(rows, outputs)``, float32, of raw rows. Raises BundleError for what is not finite."""
        return check_answers(self._runtime.outputs(self.prepare(rows, done=done)))

    def predict(self, rows: Any, *, done: int = 0) -> list[Prediction]:
        return [prediction(at, one, self.labels) for at, one in enumerate(self.compute(rows, done=done))]

    def runtimes(self) -> list[Runtime]:
        """One with reference kernels, and the one in use where that is another."""
        reference = Runtime(self.model, kernels="reference")
        return [reference] if self.kernels == reference.kernels else [reference, self._runtime]

    def tolerance(self, kernels: str, expected: np.ndarray) -> float:
        """How far outputs may be from the ``expected`` ones."""
        return tolerance(kernels, self.manifest.output.scale, self._integers, expected)

    def verify(self) -> Verdict:
        """Raises BundleError for golden arrays that are none."""
        inputs, expected = read_golden(self.manifest, self._golden)
        checks = [
            check(one.kernels, one.outputs(inputs), expected, self.tolerance(one.kernels, expected), bool(self.labels))
            for one in self.runtimes()
        ]
        return Verdict(runtime_version(), self.manifest.golden_runtime, checks)

    def _of_its_models(self) -> dict[str, Any]:
        manifest = self.manifest
        return {
            "variant": manifest.variant,
            "bytes": len(self.model),
            "model": manifest.files[manifest.model].digest,
            "input": _described(manifest.input),
            "output": _described(manifest.output),
        }


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"shape": list(tensor.shape), "dtype": tensor.dtype, "scale": tensor.scale, "zero_point": tensor.zero_point}
