"""The model in the interpreter: float32 in, float32 out, whatever it stores inside."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .errors import BundleError, InputError, no_runtime
from .manifest import Manifest, Tensor

Kernels = Literal["default", "reference"]
"""`default`: the fastest that this machine has, as a rule XNNPACK. `reference`: plain and the same everywhere, slower."""


class Runtime:
    """One interpreter. Not for several threads at once."""

    def __init__(self, content: bytes, manifest: Manifest, threads: int = 1, kernels: Kernels = "default") -> None:
        """Raises BundleError where the runtime is missing, refuses the model, or finds other tensors in it."""
        interpreter, resolver = _import()
        kind = resolver.BUILTIN_REF if kernels == "reference" else resolver.AUTO
        self._taken, self._given = manifest.input, manifest.output
        try:
            self._interpreter = interpreter(
                model_content=content, num_threads=threads, experimental_op_resolver_type=kind
            )
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
            self.kernels = _kernels(self._interpreter, kernels)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise BundleError("unfit-model", f"the runtime refuses {manifest.model}: {error}", AGAIN) from None
        self._input = _index(inputs, self._taken, "input")
        self._output = _index(outputs, self._given, "output")

    def feed(self, values: np.ndarray) -> None:
        """One row, prepared, of the input's shape with or without its batch. Values that are stored ones already stay so."""
        shape = self._taken.shape
        if values.shape not in (shape, shape[1:]):
            raise InputError(f"the model takes {shape[1:]}, not {values.shape}")
        stored = self._taken.scale is not None and values.dtype == self._taken.dtype
        self._set(values if stored else to_stored(values, self._taken))

    def run(self) -> None:
        """Raises BundleError when the interpreter fails."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise BundleError("failed-run", f"the model failed: {error}", AGAIN) from None

    def fetch(self) -> np.ndarray:
        """The outputs of the last run, float32 ``(outputs,)``, a copy."""
        return from_stored(self._interpreter.get_tensor(self._output)[0], self._given)

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """Prepared rows ``(rows, …)``, float32, to outputs ``(rows, outputs)``, float32."""
        answers = np.empty((len(rows), *self._given.shape[1:]), self._given.dtype)
        for place, row in enumerate(to_stored(rows, self._taken)):
            self._set(row)
            self.run()
            answers[place] = self._interpreter.get_tensor(self._output)[0]
        return from_stored(answers, self._given)

    def _set(self, stored: np.ndarray) -> None:
        self._interpreter.set_tensor(self._input, stored.reshape(self._taken.shape))


AGAIN = "make the bundle again with edge/bundle, or install the runtime that its manifest names"


def to_stored(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """What the model keeps for these values."""
    if tensor.scale is None:
        return values.astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    scaled = np.round(values.astype(np.float32) / np.float32(tensor.scale) + tensor.zero_point)
    return np.clip(scaled, limits.min, limits.max).astype(tensor.dtype)


def from_stored(stored: np.ndarray, tensor: Tensor) -> np.ndarray:
    """What is meant by what the model gave, float32."""
    if tensor.scale is None:
        return stored.astype(np.float32)
    return (stored.astype(np.float32) - tensor.zero_point) * np.float32(tensor.scale)


def _import() -> tuple[Any, Any]:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise no_runtime(error) from None
    return Interpreter, OpResolverType


def _index(details: list[dict[str, Any]], tensor: Tensor, side: str) -> int:
    """Where the tensor is, once it is found to be what the manifest says."""
    found = [(tuple(one["shape"].tolist()), np.dtype(one["dtype"]).name) for one in details]
    scale, zero = details[0]["quantization"] if details else (0.0, 0)
    told = (np.float32(tensor.scale or 0), tensor.zero_point)
    if found != [(tensor.shape, tensor.dtype)] or (np.float32(scale), zero) != told:
        more = f", scale {scale:g} and zero point {zero}" if scale else ""
        raise BundleError(
            "unfit-model", f"the model's {side} is {found}{more}, not what the manifest says: {tensor}", AGAIN
        )
    return int(details[0]["index"])


def _kernels(interpreter: Any, asked: Kernels) -> str:
    """`BUILTIN_REF`; or `XNNPACK` where it took over some operators, `BUILTIN` where it did not."""
    if asked == "reference":
        return "BUILTIN_REF"
    delegated = any(one["op_name"] == "DELEGATE" for one in interpreter._get_ops_details())
    return "XNNPACK" if delegated else "BUILTIN"
