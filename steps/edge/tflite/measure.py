"""Runs a .tflite file with the runtime that a device has, and compares it with its source row by row."""

from __future__ import annotations

import gzip
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.child import Refused

KERNELS = "default (XNNPACK)"
TOLERANCE = 1e-4
"""Largest difference of a float32 file to its source; relative where the outputs are larger than 1."""


def runtime() -> str:
    return f"ai-edge-litert {version('ai-edge-litert')}"


class Runner:
    """A loaded model: batch one, one thread; quantizes what goes in, dequantizes what comes out."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(file), num_threads=1)
        self._interpreter.allocate_tensors()
        (self._in,) = self._interpreter.get_input_details()
        (self._out,) = self._interpreter.get_output_details()
        self.latencies: list[float] = []
        """seconds of each call"""

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Outputs ``(rows, outputs)`` as float64."""
        return np.stack([self._call(row) for row in _quantized(rows, self._in)])

    def _call(self, row: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._in["index"], row[None])
        started = time.perf_counter()
        self._interpreter.invoke()
        self.latencies.append(time.perf_counter() - started)
        raw = self._interpreter.get_tensor(self._out["index"])[0]
        scale, zero = self._out["quantization"]
        return (raw.astype(np.float64) - zero) * scale if scale else raw.astype(np.float64)

    def tensors(self) -> dict[str, Any]:
        """Shape, type and quantization of input and output."""
        return {"input": _described(self._in), "output": _described(self._out)}


def measure(file: Path, rows: np.ndarray, labels: np.ndarray, reference: np.ndarray, classes: bool) -> dict[str, Any]:
    """The figures of a file, beside its source's outputs ``reference``. Raises Refused for NaN and infinity.

    The time of a call is printed, not returned: no two runs share it, and equal inputs give equal bytes.
    """
    runner = Runner(file)
    outputs = runner.run(rows)
    if bad := int((~np.isfinite(outputs)).any(axis=1).sum()):
        raise Refused(f"it answers NaN or infinity for {bad} of {len(rows)} rows")
    print(f"{file.stem}: median {np.median(runner.latencies) * 1e6:.1f} us a call", flush=True)
    content = file.read_bytes()
    compare = compare_classes if classes else compare_numbers
    return {
        "size": len(content),
        "size_gzip": len(gzip.compress(content, 9, mtime=0)),
        **compare(outputs, reference, labels),
        "max_abs_diff": float(np.abs(outputs - reference).max()),
        **runner.tensors(),
    }


def check_same(figures: dict[str, Any], reference: np.ndarray) -> None:
    """Raises Refused when a float32 file does not answer as its source does.

    A file without weights reads memory that nobody wrote: NaN in one process, plausible numbers in the next.
    """
    if figures["max_abs_diff"] > TOLERANCE * max(1.0, float(np.abs(reference).max())):
        raise Refused(f"its outputs differ from the source's by up to {figures['max_abs_diff']:.3g}")


def compare_classes(outputs: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Paired on the same rows: a drop of nothing can hide as many rows lost as gained."""
    ours, theirs = outputs.argmax(axis=1), reference.argmax(axis=1)
    right, was_right = ours == labels, theirs == labels
    return {
        "accuracy": float(right.mean()),
        "accuracy_drop": float(was_right.mean() - right.mean()),
        "agreement": float((ours == theirs).mean()),
        "lost": int((was_right & ~right).sum()),
        "gained": int((right & ~was_right).sum()),
    }


def compare_numbers(outputs: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    score, was = _r2(outputs[:, 0], labels), _r2(reference[:, 0], labels)
    return {"accuracy": score, "accuracy_drop": was - score}


def _r2(predicted: np.ndarray, labels: np.ndarray) -> float:
    spread = ((labels - labels.mean()) ** 2).sum()
    return float(1 - ((labels - predicted) ** 2).sum() / spread) if spread else 0.0


def _quantized(rows: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:
        return rows.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(rows / scale + zero), limits.min, limits.max).astype(details["dtype"])


def _described(details: dict[str, Any]) -> dict[str, Any]:
    scale, zero = details["quantization"]
    return {
        "name": details["name"],
        "shape": details["shape"].tolist(),
        "dtype": np.dtype(details["dtype"]).name,
        "quantization": {"scale": float(scale), "zero_point": int(zero)} if scale else None,
    }
