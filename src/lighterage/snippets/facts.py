"""What a snippet says of a bundle, by the names that templates use."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..edge.manifest import Manifest, Tensor

Value = str | int | float | bool | list[str] | list[int] | list[float]


TFLITE_TYPES = {"float32": 1, "uint8": 3, "int16": 7, "int8": 9}
"""as runtimes in C number them"""


class Unsupported(ValueError):
    """A bundle that no snippet can be made for."""


def facts(manifest: Manifest) -> dict[str, Value]:
    """Raises Unsupported for preprocessing that templates do not know."""
    entry = manifest.files[manifest.model]
    return {
        "name": manifest.name,
        "model_file": manifest.model,
        "model_size": entry.size,
        "model_sha256": entry.digest.removeprefix("sha256:"),
        "labelled": bool(manifest.classes),
        "labels": manifest.classes,
        "features": manifest.features,
        **_tensor("input", manifest.input),
        **_tensor("output", manifest.output),
        **_preprocessing(manifest),
    }


def _tensor(side: str, tensor: Tensor) -> dict[str, Value]:
    values: dict[str, Value] = {
        "shape": list(tensor.shape),
        "size": prod(tensor.shape),
        "type": tensor.dtype,
        "quantized": tensor.scale is not None,
        "scale": tensor.scale or 1.0,
        "zero_point": tensor.zero_point,
        **_storage(tensor.dtype),
    }
    return {f"{side}_{name}": value for name, value in values.items()}


def _storage(dtype: str) -> dict[str, Value]:
    """``lowest`` and ``highest`` are of integers; a float takes whatever there is."""
    signed, width = not dtype.startswith("uint"), int(dtype.removeprefix("u").removeprefix("int").removeprefix("float"))
    lowest = -(2 ** (width - 1)) if signed else 0
    return {
        "bytes": width // 8,
        "tflite_type": TFLITE_TYPES[dtype],
        "lowest": lowest,
        "highest": lowest + 2**width - 1,
        "one_byte": width == 8,
        "two_bytes": width == 16,
        "signed_byte": dtype == "int8",
        "unsigned_byte": dtype == "uint8",
    }


def _preprocessing(manifest: Manifest) -> dict[str, Value]:
    """At most one `window`, which `windowed` tells of, and one `standardize`; none at all is (x - 0) / 1."""
    found: dict[str, Value] = {"windowed": False, "window_size": 0, "window_hop": 0, "rate_hz": 0.0, "channels": []}
    found |= {"mean": [0.0], "std": [1.0], "clipped": False, "clip": inf}
    names = [entry.get("op") for entry in manifest.preprocessing]
    if names not in ([], ["window"], ["standardize"], ["window", "standardize"]):
        raise Unsupported(f"snippets know window and then standardize, and the bundle's preprocessing is {names}")
    for entry in manifest.preprocessing:
        if entry["op"] == "window":
            found |= {"windowed": True, "window_size": entry["size"], "window_hop": entry["stride"]}
            found |= {"rate_hz": float(entry["rate_hz"] or manifest.rate_hz or 0), "channels": entry["channels"]}
        else:
            found |= {name: _figures(entry[name], manifest.input.shape[-1]) for name in ("mean", "std")}
            clip = entry.get("clip")
            found |= {"clipped": clip is not None, "clip": inf if clip is None else float(clip)}
    found["tabular"] = bool(manifest.features) and not found["windowed"]
    return found


def _figures(values: object, width: int) -> list[float]:
    """One for all, or one for each column or channel."""
    if not isinstance(values, list) or len(values) not in (1, width) or any(isinstance(one, list) for one in values):
        raise Unsupported("snippets know one figure for all, or one for each channel, to standardize with")
    return [float(one) for one in values]
