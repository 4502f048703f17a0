"""Golden inputs and outputs: does the model compute here what it computed where it was proven?"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .content import MOST_BYTES
from .errors import BundleError
from .manifest import Manifest
from .runtime import Runtime

FLOAT_REFERENCE = 1e-5
"""of reference kernels with float outputs: another processor may add in another order"""
FLOAT_OTHER = 1e-4
STEPS_OTHER = 16
"""of the output's scale, of other kernels with integer outputs; at most 15 were seen between XNNPACK and reference kernels"""


@dataclass(frozen=True)
class Check:
    """What one kernel set made of the golden inputs."""

    kernels: str
    rows: int
    exact_rows: int
    """rows whose outputs are the same bit by bit"""
    same_answer: int
    """rows with the same class; of a quantity, those within the tolerance"""
    max_abs_diff: float
    tolerance: float
    """largest difference that is allowed; 0 means bit by bit"""

    @property
    def ok(self) -> bool:
        return self.max_abs_diff <= self.tolerance  # a NaN is not


@dataclass(frozen=True)
class Verdict:
    """``ok`` if every check is: reference kernels bit by bit where outputs are integers, others within a tolerance."""

    runtime: str
    """library and version here"""
    golden_runtime: str
    """those that made the golden outputs"""
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def check(self) -> None:
        """Raises BundleError unless all is well."""
        for one in self.checks:
            if not one.ok:
                raise BundleError(
                    "failed-verification",
                    f"golden outputs differ by {one.max_abs_diff:g} on {one.kernels} kernels of {self.runtime}, "
                    f"{one.tolerance:g} is allowed",
                    f"do not use the bundle here; it was proven with {self.golden_runtime}",
                )

    def as_json(self) -> dict[str, Any]:
        checks = [{**asdict(one), "ok": one.ok} for one in self.checks]
        return {"ok": self.ok, "runtime": self.runtime, "golden_runtime": self.golden_runtime, "checks": checks}


def verify(manifest: Manifest, model: bytes, golden: bytes, used: Runtime) -> Verdict:
    """Raises BundleError for golden arrays that are none."""
    from .bundle import runtime_version

    inputs, outputs = read_golden(manifest, golden)
    reference = Runtime(model, manifest, kernels="reference")
    runtimes = [reference] if used.kernels == reference.kernels else [reference, used]
    checks = [_check(one, inputs, outputs, manifest) for one in runtimes]
    return Verdict(runtime_version(), manifest.golden_runtime, checks)


def read_golden(manifest: Manifest, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Prepared inputs ``(rows, …)`` and outputs ``(rows, outputs)``, float32."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"they have over {MOST_BYTES} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            inputs, outputs = arrays["inputs"], arrays["outputs"]
    except (ValueError, KeyError, EOFError, OSError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise BundleError(
            "damaged-file", f"{manifest.golden} has no golden arrays: {error}", "make the bundle again"
        ) from None
    rows = manifest.golden_rows
    shapes = ((rows, *manifest.input.shape[1:]), (rows, *manifest.output.shape[1:]))
    if (inputs.shape, outputs.shape) != shapes or inputs.dtype != np.float32 or outputs.dtype != np.float32 or not rows:
        raise BundleError(
            "damaged-file",
            f"{manifest.golden} holds {inputs.shape} and {outputs.shape}, not {shapes[0]} and {shapes[1]} of float32",
            "make the bundle again",
        )
    return inputs, outputs


def _check(runtime: Runtime, inputs: np.ndarray, expected: np.ndarray, manifest: Manifest) -> Check:
    got = runtime.outputs(inputs)
    differences = np.abs(got - expected)
    tolerance = _tolerance(runtime.kernels, manifest.output.scale)
    if manifest.classes:
        same = got.argmax(axis=1) == expected.argmax(axis=1)
    else:
        same = (differences <= tolerance).all(axis=1)
    return Check(
        kernels=runtime.kernels,
        rows=len(got),
        exact_rows=int((got == expected).all(axis=1).sum()),
        same_answer=int(same.sum()),
        max_abs_diff=float(differences.max()),
        tolerance=tolerance,
    )


def _tolerance(kernels: str, scale: float | None) -> float:
    if kernels == "BUILTIN_REF":
        return FLOAT_REFERENCE if scale is None else 0.0
    return FLOAT_OTHER if scale is None else STEPS_OTHER * scale
