"""How the models of a chain are joined, as data: what each stage is fed, and for which rows it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import BundleError

MOST_STAGES = 16
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Crop:
    """A window of the chain's input, at the place of a map's maximum: first row = its row * stride + offset, and so on."""

    map: str
    """a stage that gives (h, w), (h, w, 1), or flattened values that ``grid`` folds"""
    grid: tuple[int, int] | None
    stride: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    def shape(self, whole: Shape, maps: Mapping[str, Shape]) -> Shape:
        """Of a window. Raises ValueError where the input is no picture, or the stage gives no map."""
        if len(whole) < 2 or whole[0] < self.size[0] or whole[1] < self.size[1]:
            raise ValueError(f"no window of {self.size} can be cut from inputs of shape {whole}")
        self._folded(maps[self.map])
        return (*self.size, *whole[2:])

    def apply(self, inputs: np.ndarray, maps: Mapping[str, np.ndarray]) -> np.ndarray:
        found = maps[self.map][:, 0]
        width = self._folded(found.shape[1:])[1]
        best = found.reshape(len(found), math.prod(found.shape[1:])).argmax(
            axis=1
        )  # of equal ones the first, row by row
        places = np.stack([best // width, best % width], axis=1) * self.stride + self.offset
        places = places.clip(0, np.array(inputs.shape[1:3]) - self.size)
        (height, wide), rows = self.size, zip(inputs, places.tolist(), strict=True)
        cut = [row[y : y + height, x : x + wide] for row, (y, x) in rows]
        return np.stack(cut) if cut else np.empty((0, *self.size, *inputs.shape[3:]), inputs.dtype)

    def _folded(self, shape: Shape) -> tuple[int, int]:
        size = math.prod(shape)
        if self.grid is not None and math.prod(self.grid) == size:
            return self.grid
        if self.grid is None and len(shape) in (2, 3) and shape[0] * shape[1] == size:
            return shape[0], shape[1]
        told = f"a grid of {self.grid}" if self.grid else "a map; say how it folds with `grid`"
        raise ValueError(f"the outputs of {self.map!r}, {shape}, are not {told}")


@dataclass(frozen=True)
class Split:
    """Equal parts along an axis of the row; the stage runs for each."""

    axis: int
    parts: int

    def shape(self, row: Shape) -> Shape:
        """Of a part. Raises ValueError where there is no such axis, or parts would differ."""
        if self.axis >= len(row) or row[self.axis] % self.parts:
            raise ValueError(f"rows of shape {row} have no {self.parts} equal parts along axis {self.axis}")
        return (*row[: self.axis], row[self.axis] // self.parts, *row[self.axis + 1 :])

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """``(rows, …)`` to ``(rows, parts, …)``."""
        return np.stack(np.split(rows, self.parts, axis=self.axis + 1), axis=1)


@dataclass(frozen=True)
class Stage:
    """One model of the chain: fed with the chain's input, a part of it, or what stages before it gave."""

    name: str
    crop: Crop | None = None
    split: Split | None = None
    concat: tuple[str, ...] = ()
    """stages whose outputs, side by side, are its row; else it sees the chain's input"""
    gate: str | None = None
    """a stage whose answer must be among ``classes``"""
    classes: tuple[str, ...] = ()

    @property
    def parts(self) -> int:
        return self.split.parts if self.split else 1

    @property
    def needs(self) -> tuple[str, ...]:
        """Stages that must have run, the gate aside."""
        return self.concat + ((self.crop.map,) if self.crop else ())

    def shape(self, whole: Shape, outputs: Mapping[str, Shape], parts: Mapping[str, int]) -> Shape:
        """Of what the model is fed. ``whole``: of the chain's input; ``outputs``: of one part of each stage before."""
        if self.concat:
            return (sum(math.prod(outputs[name]) * parts[name] for name in self.concat),)
        row = self.crop.shape(whole, outputs) if self.crop else whole
        return self.split.shape(row) if self.split else row

    def rows(self, inputs: np.ndarray, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """What the model is fed, ``(rows, parts, …)``, from the chain's ``(rows, …)`` and outputs ``(rows, parts, …)``."""
        if self.concat:
            count = len(inputs)
            beside = [outputs[name].reshape(count, math.prod(outputs[name].shape[1:])) for name in self.concat]
            return np.concatenate(beside, axis=1)[:, None]
        values = self.crop.apply(inputs, outputs) if self.crop else inputs
        return self.split.apply(values) if self.split else values[:, None]


def read_stages(entries: Any) -> list[Stage]:
    """From data. Raises BundleError("wrong-wiring") for what is not known, and for stages that do not come before."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_STAGES:
        raise wrong(f"a chain has a list of 1 to {MOST_STAGES} stages")
    stages: list[Stage] = []
    for number, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise wrong(f"stage {number + 1} has no name of small letters, digits, - and _")
        try:
            stage = _stage(name, entry)
        except (KeyError, TypeError, ValueError) as error:
            said = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise wrong(f"stage {name!r}: {said}") from None
        _check_order(stage, [one.name for one in stages], [one.get("name") for one in entries if isinstance(one, dict)])
        stages.append(stage)
    return stages


def wrong(what: str) -> BundleError:
    return BundleError("wrong-wiring", what, "wire the chain's stages otherwise; docs/edge.md has the operations")


def _stage(name: str, entry: dict[str, Any]) -> Stage:
    _only(entry, {"name", "bundle", "input", "when"})
    crop: Crop | None = None
    split: Split | None = None
    concat: tuple[str, ...] = ()
    operations = entry.get("input") or []
    order = [one["op"] for one in operations]
    if order not in ([], ["crop"], ["split"], ["crop", "split"], ["concat"]):
        raise ValueError(f"its input is {order}; there are crop, split, crop then split, and concat")
    for one in operations:
        if one["op"] == "crop":
            _only(one, {"op", "map", "grid", "stride", "offset", "size"})
            grid = _pair(one["grid"], 1) if one.get("grid") is not None else None
            sizes = _pair(one["stride"], 1), _pair(one.get("offset", [0, 0])), _pair(one["size"], 1)
            crop = Crop(str(one["map"]), grid, *sizes)
        elif one["op"] == "split":
            _only(one, {"op", "axis", "parts"})
            split = Split(_integer(one["axis"], 0), _integer(one["parts"], 1))
        else:
            _only(one, {"op", "stages"})
            concat = _names(one["stages"])
    when = entry.get("when")
    if when is None:
        return Stage(name, crop, split, concat)
    _only(when, {"stage", "classes"})
    return Stage(name, crop, split, concat, str(when["stage"]), _names(when["classes"]))


def _check_order(stage: Stage, before: list[str], there: list[Any]) -> None:
    if stage.name in before:
        raise wrong(f"two stages are called {stage.name!r}")
    for name in (*stage.needs, *([stage.gate] if stage.gate else [])):
        if name not in there:
            raise wrong(
                f"stage {stage.name!r} takes from {name!r}, which is no stage; there are: {', '.join(map(str, there))}"
            )
        if name not in before:
            raise wrong(
                f"stage {stage.name!r} takes from {name!r}, which does not come before it: stages go round in no circle"
            )
    if not before and stage != Stage(stage.name):
        raise wrong(f"the first stage, {stage.name!r}, takes the chain's input as it is")


def _only(entry: dict[str, Any], known: set[str]) -> None:
    if more := sorted(set(entry) - known):
        raise ValueError(f"{', '.join(map(repr, more))} is not known; there are: {', '.join(sorted(known))}")


def _integer(value: Any, least: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1_000_000:
        raise ValueError(f"{value!r} is no whole number of usual size")
    if least is not None and value < least:
        raise ValueError(f"{value} is below {least}")
    return value


def _pair(value: Any, least: int | None = None) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{value!r} is not two numbers, of rows and of columns")
    return _integer(value[0], least), _integer(value[1], least)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} is no list of names")
    return tuple(value)
