"""`manifest.json`: what a device needs of it, checked. Its full schema is the main distribution's `schemas/bundle.py`."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from .content import FILE_NAME
from .errors import BundleError

FORMAT = "lighterage/bundle/1"
TYPES = ("float32", "int8", "uint8", "int16")
MOST_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Tensor:
    """What the model takes or gives: value = (stored - zero_point) * scale, where there is a scale."""

    name: str
    shape: tuple[int, ...]
    """with the batch, which is 1"""
    dtype: str
    scale: float | None
    zero_point: int


@dataclass(frozen=True)
class Entry:
    """A file of the bundle."""

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The fields have the names and the meaning of the schema; ``data`` is all of it."""

    name: str
    task: str
    variant: str
    model: str
    input: Tensor
    output: Tensor
    operators: dict[str, int]
    classes: list[str]
    labels: str | None
    features: list[str]
    rate_hz: float | None
    preprocessing: list[dict[str, Any]]
    golden: str
    golden_rows: int
    golden_runtime: str
    files: dict[str, Entry]
    data: dict[str, Any]


def read_manifest(content: bytes) -> Manifest:
    """Raises BundleError for another format, and for a field that is missing or no value that it can have."""
    try:
        data = json.loads(content) if len(content) <= MOST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise _wrong(f"manifest.json is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise _wrong("manifest.json is no JSON object of usual size")
    if data.get("format") != FORMAT:
        raise BundleError(
            "unknown-format",
            f"the bundle has the format {data.get('format')!r}, this library reads {FORMAT!r}",
            "install the version of the library that goes with the bundle",
        )
    model, golden = _field(data, "model", dict), _field(data, "golden", dict)
    manifest = Manifest(
        name=_field(data, "name", str),
        task=_field(data, "task", str),
        variant=_field(model, "variant", str),
        model=_field(model, "file", str),
        input=_tensor(model, "input"),
        output=_tensor(model, "output"),
        operators=_all(_field(model, "operators", dict), int, "operators"),
        classes=_all(_field(data, "classes", list), str, "classes"),
        labels=_field(data, "labels", str) if data.get("labels") is not None else None,
        features=_all(_field(data, "features", list), str, "features"),
        rate_hz=_positive(data, "rate_hz") if data.get("rate_hz") is not None else None,
        preprocessing=_all(_field(data, "preprocessing", list), dict, "preprocessing"),
        golden=_field(golden, "file", str),
        golden_rows=_field(golden, "rows", int),
        golden_runtime=_field(golden, "runtime", str),
        files={name: _entry(name, one) for name, one in _field(data, "files", dict).items()},
        data=data,
    )
    _check_together(manifest)
    return manifest


def _check_together(manifest: Manifest) -> None:
    for name in (manifest.model, manifest.golden, *([manifest.labels] if manifest.labels else [])):
        if name not in manifest.files:
            raise _wrong(f"{name!r} is not among the manifest's files")
    if manifest.task not in ("classification", "regression"):
        raise _wrong(f"the task is {manifest.task!r}, neither classification nor regression")
    outputs = manifest.output.shape[-1]
    if len(manifest.classes) != (outputs if manifest.task == "classification" else 0):
        raise BundleError(
            "wrong-labels",
            f"the manifest names {len(manifest.classes)} classes for {outputs} outputs of a {manifest.task}",
            "make the bundle again; its answers would get wrong names",
        )


def check_labels(manifest: Manifest, content: bytes) -> None:
    """Raises BundleError where the text file names other classes, or in another order."""
    lines = content.decode("utf-8", errors="replace").splitlines()
    if lines != manifest.classes:
        raise BundleError(
            "wrong-labels",
            f"{manifest.labels} says {lines}, the manifest {manifest.classes}",
            "make the bundle again; one of them would give answers wrong names",
        )


def _tensor(model: dict[str, Any], side: str) -> Tensor:
    data = _field(model, side, dict)
    shape = _all(_field(data, "shape", list), int, f"{side}.shape")
    dtype, quantization = _field(data, "dtype", str), data.get("quantization")
    if not 2 <= len(shape) <= 6 or min(shape) < 1 or shape[0] != 1:
        raise _wrong(f"the {side} has the shape {shape}, not a batch of one and its sizes")
    if dtype not in TYPES:
        raise _wrong(f"the {side} has the type {dtype!r}; {', '.join(TYPES)} are known")
    if (quantization is None) != (dtype == "float32"):
        raise _wrong(f"the {side} is {dtype} {'without' if quantization is None else 'with'} a quantization")
    scale, zero = None, 0
    if quantization is not None:
        if not isinstance(quantization, dict):
            raise _wrong(f"the {side}'s quantization is no object")
        scale, zero = _positive(quantization, "scale"), _field(quantization, "zero_point", int)
    return Tensor(_field(data, "name", str), tuple(shape), dtype, scale, zero)


def _entry(name: str, data: Any) -> Entry:
    if not FILE_NAME.fullmatch(name):
        raise _wrong(f"{name!r} cannot be a file of a bundle")
    if not isinstance(data, dict):
        raise _wrong(f"files[{name!r}] is no object")
    digest, size = _field(data, "digest", str), _field(data, "size", int)
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or size < 0:
        raise _wrong(f"files[{name!r}] has no digest and size")
    return Entry(digest, size)


def _field(data: dict[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(f"the manifest's field {name!r} should be {kind.__name__}, not {type(value).__name__}")
    return value


def _all(values: Any, kind: type, name: str) -> Any:
    for value in values.values() if isinstance(values, dict) else values:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _wrong(f"the manifest's field {name!r} holds {type(value).__name__} beside {kind.__name__}")
    return values


def _positive(data: dict[str, Any], name: str) -> float:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _wrong(f"the manifest's field {name!r} should be a number above 0, not {value!r}")
    return float(value)


def _wrong(what: str) -> BundleError:
    return BundleError("wrong-manifest", what, "make the bundle again with edge/bundle")
