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

    def described(self) -> dict[str, Any]:
        """As manifests and model.json keep it."""
        quantization = None if self.scale is None else {"scale": self.scale, "zero_point": self.zero_point}
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype, "quantization": quantization}


@dataclass(frozen=True)
class Entry:
    """A file of the bundle."""

    digest: str
    size: int


@dataclass(frozen=True)
class Target:
    """What the model was proven for."""

    profile: str
    """name of the target profile"""
    checked: str
    """`run` in a runtime of that target, or only by the `static` rules that are known of it"""


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
    target: Target
    files: dict[str, Entry]
    data: dict[str, Any]


def parse(content: bytes) -> dict[str, Any]:
    """`manifest.json` as data. Raises BundleError for what is no JSON object."""
    try:
        data = json.loads(content) if len(content) <= MOST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise wrong(f"manifest.json is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise wrong("manifest.json is no JSON object of usual size")
    return data


def read_manifest(content: bytes) -> Manifest:
    """Raises BundleError for another format, and for a field that is missing or no value that it can have."""
    data = parse(content)
    if data.get("format") != FORMAT:
        raise BundleError(
            "unknown-format",
            f"the bundle has the format {data.get('format')!r}, this library reads {FORMAT!r}",
            "install the version of the library that goes with the bundle",
        )
    model, golden = field_of(data, "model", dict), field_of(data, "golden", dict)
    manifest = Manifest(
        name=field_of(data, "name", str),
        task=field_of(data, "task", str),
        variant=field_of(model, "variant", str),
        model=field_of(model, "file", str),
        input=_tensor(model, "input"),
        output=_tensor(model, "output"),
        operators=all_of(field_of(model, "operators", dict), int, "operators"),
        classes=all_of(field_of(data, "classes", list), str, "classes"),
        labels=field_of(data, "labels", str) if data.get("labels") is not None else None,
        features=all_of(field_of(data, "features", list), str, "features"),
        rate_hz=_positive(data, "rate_hz") if data.get("rate_hz") is not None else None,
        preprocessing=all_of(field_of(data, "preprocessing", list), dict, "preprocessing"),
        golden=field_of(golden, "file", str),
        golden_rows=field_of(golden, "rows", int),
        golden_runtime=field_of(golden, "runtime", str),
        target=read_target(data),
        files={name: entry_of(name, one) for name, one in field_of(data, "files", dict).items()},
        data=data,
    )
    _check_together(manifest)
    return manifest


def _check_together(manifest: Manifest) -> None:
    for name in (manifest.model, manifest.golden, *([manifest.labels] if manifest.labels else [])):
        if name not in manifest.files:
            raise wrong(f"{name!r} is not among the manifest's files")
    if manifest.task not in ("classification", "regression"):
        raise wrong(f"the task is {manifest.task!r}, neither classification nor regression")
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


def read_target(data: dict[str, Any]) -> Target:
    """What the manifest says of it."""
    target = field_of(data, "target", dict)
    checked = field_of(target, "checked", str)
    if checked not in ("run", "static"):
        raise wrong(f"the target was checked {checked!r}, neither run nor static")
    return Target(field_of(target, "profile", str), checked)


def check_target(found: Target, wanted: str | None) -> None:
    """Raises BundleError for a bundle that was proven for another target than the one that is ``wanted``, if any is."""
    if wanted is not None and found.profile != wanted:
        raise BundleError(
            "wrong-target",
            f"the bundle was proven for the target {found.profile!r}, not for {wanted!r}",
            f"take the bundle for {wanted!r}, or make it with edge/verify's `target: {wanted}`",
        )


def _tensor(model: dict[str, Any], side: str) -> Tensor:
    data = field_of(model, side, dict)
    shape = all_of(field_of(data, "shape", list), int, f"{side}.shape")
    dtype, quantization = field_of(data, "dtype", str), data.get("quantization")
    if not 2 <= len(shape) <= 6 or min(shape) < 1 or shape[0] != 1:
        raise wrong(f"the {side} has the shape {shape}, not a batch of one and its sizes")
    if dtype not in TYPES:
        raise wrong(f"the {side} has the type {dtype!r}; {', '.join(TYPES)} are known")
    if (quantization is None) != (dtype == "float32"):
        raise wrong(f"the {side} is {dtype} {'without' if quantization is None else 'with'} a quantization")
    scale, zero = None, 0
    if quantization is not None:
        if not isinstance(quantization, dict):
            raise wrong(f"the {side}'s quantization is no object")
        scale, zero = _positive(quantization, "scale"), field_of(quantization, "zero_point", int)
    return Tensor(field_of(data, "name", str), tuple(shape), dtype, scale, zero)


def entry_of(name: str, data: Any) -> Entry:
    if not FILE_NAME.fullmatch(name):
        raise wrong(f"{name!r} cannot be a file of a bundle")
    if not isinstance(data, dict):
        raise wrong(f"files[{name!r}] is no object")
    digest, size = field_of(data, "digest", str), field_of(data, "size", int)
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or size < 0:
        raise wrong(f"files[{name!r}] has no digest and size")
    return Entry(digest, size)


def field_of(data: dict[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(f"the manifest's field {name!r} should be {kind.__name__}, not {type(value).__name__}")
    return value


def all_of(values: Any, kind: type, name: str) -> Any:
    for value in values.values() if isinstance(values, dict) else values:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise wrong(f"the manifest's field {name!r} holds {type(value).__name__} beside {kind.__name__}")
    return values


def _positive(data: dict[str, Any], name: str) -> float:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise wrong(f"the manifest's field {name!r} should be a number above 0, not {value!r}")
    return float(value)


def wrong(what: str) -> BundleError:
    return BundleError("wrong-manifest", what, "make the bundle again with edge/bundle")
