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

FLOAT_REFERENCE = 1e-5
"""of reference kernels with float outputs: another processor may add in another order"""
FLOAT_OTHER = 1e-4
FLOAT_INTEGERS = 0.05
"""where weights are integers and outputs are not: XNNPACK rounds activations otherwise than reference kernels do"""
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
    stage: str | None = None
    """of a chain"""

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
                whose = f"golden outputs of the stage {one.stage}" if one.stage else "golden outputs"
                raise BundleError(
                    "failed-verification",
                    f"{whose} differ by {one.max_abs_diff:g} on {one.kernels} kernels of {self.runtime}, "
                    f"{one.tolerance:g} is allowed",
                    f"do not use the bundle here; it was proven with {self.golden_runtime}",
                )

    def as_json(self) -> dict[str, Any]:
        checks = [{**asdict(one), "ok": one.ok} for one in self.checks]
        return {"ok": self.ok, "runtime": self.runtime, "golden_runtime": self.golden_runtime, "checks": checks}


def read_golden(manifest: Manifest, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Prepared inputs ``(rows, …)`` and outputs ``(rows, outputs)``, float32."""
    arrays = read_arrays(manifest.golden, content)
    inputs, outputs = (arrays.get(name, np.empty(0)) for name in ("inputs", "outputs"))
    rows = manifest.golden_rows
    shapes = ((rows, *manifest.input.shape[1:]), (rows, *manifest.output.shape[1:]))
    if (inputs.shape, outputs.shape) != shapes or inputs.dtype != np.float32 or outputs.dtype != np.float32 or not rows:
        raise BundleError(
            "damaged-file",
            f"{manifest.golden} holds {inputs.shape} and {outputs.shape}, not {shapes[0]} and {shapes[1]} of float32",
            "make the bundle again",
        )
    return inputs, outputs


def read_arrays(name: str, content: bytes) -> dict[str, np.ndarray]:
    """What an `.npz` file holds. Raises BundleError for one that is damaged, too large, or holds pickles."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"they have over {MOST_BYTES} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, KeyError, EOFError, OSError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        what = f"{name} holds no arrays: {error}"
        raise BundleError("damaged-file", what, "make the bundle again") from None


def check(
    kernels: str, got: np.ndarray, expected: np.ndarray, allowed: float, classes: bool, stage: str | None = None
) -> Check:
    """What a kernel set ``got``, beside what is ``expected``: ``(rows, outputs)``."""
    got, expected = got.reshape(len(got), -1), expected.reshape(len(expected), -1)
    differences = np.abs(got - expected)
    same = got.argmax(axis=1) == expected.argmax(axis=1) if classes else (differences <= allowed).all(axis=1)
    return Check(
        kernels=kernels,
        rows=len(got),
        exact_rows=int((got == expected).all(axis=1).sum()),
        same_answer=int(same.sum()),
        max_abs_diff=float(differences.max()),
        tolerance=allowed,
        stage=stage,
    )


def tolerance(kernels: str, scale: float | None, integers: bool, expected: np.ndarray) -> float:
    """How far outputs may be from the ``expected`` ones: of a model with the output's ``scale``, or float outputs and
    maybe ``integers`` inside. Of float outputs beyond 1 it is a share.
    """
    reference = kernels == "BUILTIN_REF"
    if scale is not None:
        return 0.0 if reference else STEPS_OTHER * scale
    share = FLOAT_REFERENCE if reference else FLOAT_INTEGERS if integers else FLOAT_OTHER
    return share * max(1.0, float(np.abs(expected).max()))
