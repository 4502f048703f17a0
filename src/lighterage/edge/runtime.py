"""The model in the interpreter: float32 in, float32 out, whatever it stores inside."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .errors import BundleError, InputError, no_runtime
from .manifest import TYPES, Manifest, Tensor

Kernels = Literal["default", "reference", "builtin"]
"""`default`: the fastest that this machine has, as a rule XNNPACK. `reference`: plain and the same everywhere, slower.
`builtin`: LiteRT's own optimized ones, without XNNPACK."""


class Runtime:
    """One interpreter, of a model with one input and one output. Not for several threads at once."""

    input: Tensor
    output: Tensor
    kernels: str
    """the kernel set at work: `XNNPACK`, `BUILTIN` or `BUILTIN_REF`"""

    def __init__(self, content: bytes, *, threads: int = 1, kernels: Kernels = "default") -> None:
        """Raises BundleError where the runtime is missing, refuses the model, or its tensors are not of a known kind."""
        interpreter, resolver = _import()
        kind = {
            "default": resolver.AUTO,
            "reference": resolver.BUILTIN_REF,
            "builtin": resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        }[kernels]
        try:
            self._interpreter = interpreter(
                model_content=content, num_threads=threads, experimental_op_resolver_type=kind
            )
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
            self.kernels = _kernels(self._interpreter, kernels)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise unfit(f"the runtime refuses the model: {error}") from None
        self.input, self._input = _tensor(inputs, "input")
        self.output, self._output = _tensor(outputs, "output")

    def feed(self, values: np.ndarray) -> None:
        """One row, prepared, of the input's shape with or without its batch. Values that are stored ones already stay so."""
        shape = self.input.shape
        if values.shape not in (shape, shape[1:]):
            raise InputError(f"the model takes {shape[1:]}, not {values.shape}")
        stored = self.input.scale is not None and values.dtype == self.input.dtype
        self._set(values if stored else to_stored(values, self.input))

    def run(self) -> None:
        """Raises BundleError when the interpreter fails."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise BundleError("failed-run", f"the model failed: {error}", AGAIN) from None

    def fetch(self) -> np.ndarray:
        """The outputs of the last run, float32 ``(outputs,)``, a copy."""
        return from_stored(self._interpreter.get_tensor(self._output)[0], self.output)

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """Prepared rows ``(rows, …)``, float32, to outputs ``(rows, outputs)``, float32."""
        if rows.shape[1:] != self.input.shape[1:]:
            raise InputError(f"the model takes rows of {self.input.shape[1:]}, not {rows.shape[1:]}")
        answers = np.empty((len(rows), *self.output.shape[1:]), self.output.dtype)
        for place, row in enumerate(to_stored(rows, self.input)):
            self._set(row)
            self.run()
            answers[place] = self._interpreter.get_tensor(self._output)[0]
        return from_stored(answers, self.output)

    def _set(self, stored: np.ndarray) -> None:
        self._interpreter.set_tensor(self._input, stored.reshape(self.input.shape))


def check_tensors(runtime: Runtime, manifest: Manifest) -> None:
    """Raises BundleError where the model's tensors are not what the manifest says, names aside."""
    for side, found, told in (("input", runtime.input, manifest.input), ("output", runtime.output, manifest.output)):
        if _meaning(found) != _meaning(told):
            raise unfit(f"the model's {side} is {found}, not what the manifest says: {told}")


def _meaning(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.dtype, np.float32(tensor.scale or 0), tensor.zero_point


AGAIN = "make the model again, or install the runtime that it was proven with"


def unfit(what: str) -> BundleError:
    return BundleError("unfit-model", what, AGAIN)


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


def _tensor(details: list[dict[str, Any]], side: str) -> tuple[Tensor, int]:
    """What the one tensor of that side is, and where."""
    if len(details) != 1:
        raise unfit(f"the model has {len(details)} {side}s, one is needed")
    (found,) = details
    shape, dtype = tuple(found["shape"].tolist()), np.dtype(found["dtype"]).name
    scale, zero = found["quantization"]
    if len(shape) < 2 or shape[0] != 1 or min(shape) < 1 or -1 in found["shape_signature"].tolist():
        raise unfit(f"the model's {side} has the shape {shape}, not a batch of one and fixed sizes")
    if dtype not in TYPES or bool(scale) != (dtype != "float32"):
        raise unfit(
            f"the model's {side} is {dtype} {'with' if scale else 'without'} a quantization, which is not known"
        )
    return Tensor(found["name"], shape, dtype, float(scale) if scale else None, int(zero)), int(found["index"])


def _kernels(interpreter: Any, asked: Kernels) -> str:
    """`BUILTIN_REF`; or `XNNPACK` where it took over some operators, `BUILTIN` where it did not."""
    if asked == "reference":
        return "BUILTIN_REF"
    delegated = any(one["op_name"] == "DELEGATE" for one in interpreter._get_ops_details())
    return "XNNPACK" if delegated else "BUILTIN"
