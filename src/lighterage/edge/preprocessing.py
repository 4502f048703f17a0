"""What the training data went through, done to raw data here: the same figures, the same arithmetic, the same bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import BundleError


@dataclass(frozen=True)
class Window:
    """Cuts samples to windows. `Stream` does the cutting; to rows that are windows already only the type is left to do."""

    size: int
    stride: int
    rate_hz: float | None
    channels: list[str]

    def apply(self, rows: np.ndarray) -> np.ndarray:
        return rows.astype(np.float32)


@dataclass(frozen=True)
class Standardize:
    """Less the mean, by the deviation, within a limit if there is one."""

    mean: np.ndarray
    std: np.ndarray
    clip: float | None

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """In float64 and then float32, as `features/standardize` does it."""
        scaled = ((rows.astype(np.float64) - self.mean) / self.std).astype(np.float32)
        return scaled if self.clip is None else scaled.clip(-self.clip, self.clip)


Operation = Window | Standardize


def read_operations(entries: list[dict[str, Any]], shape: tuple[int, ...]) -> list[Operation]:
    """The manifest's `preprocessing`, for rows of ``shape``. Raises BundleError for what is not known or cannot be."""
    return [_read(entry, shape) for entry in entries]


def _read(entry: dict[str, Any], shape: tuple[int, ...]) -> Operation:
    try:
        if entry.get("op") == "window":
            return _window(entry, shape)
        if entry.get("op") == "standardize":
            return _standardize(entry, shape)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            "wrong-manifest",
            f"the preprocessing {entry.get('op')!r} cannot be done: {error!s}",
            "make the bundle again with edge/bundle",
        ) from None
    raise BundleError(
        "unknown-format",
        f"the bundle asks for the preprocessing {entry.get('op')!r}, which this library does not know",
        "install a newer one; without it the answers would be wrong",
    )


def _window(entry: dict[str, Any], shape: tuple[int, ...]) -> Window:
    size, stride, rate, channels = entry["size"], entry["stride"], entry["rate_hz"], entry["channels"]
    if not isinstance(size, int) or not isinstance(stride, int) or stride < 1:
        raise ValueError(f"size {size!r} and stride {stride!r} are no numbers of samples")
    if shape != (size, len(channels)):
        raise ValueError(f"windows of {size} samples and {len(channels)} channels are not the input's {shape}")
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"{rate!r} is no rate")
    return Window(size, stride, rate, [str(channel) for channel in channels])


def _standardize(entry: dict[str, Any], shape: tuple[int, ...]) -> Standardize:
    mean, std = np.array(entry["mean"], np.float64), np.array(entry["std"], np.float64)
    if not np.isfinite(mean).all() or not np.isfinite(std).all() or (std <= 0).any():
        raise ValueError("mean and std must be finite, std above 0")
    if np.broadcast_shapes(mean.shape, std.shape, shape) != shape:
        raise ValueError(f"figures of shape {mean.shape} are too many for rows of {shape}")
    clip = entry.get("clip")
    if clip is not None and not 0 < clip < math.inf:
        raise ValueError(f"{clip!r} is no limit")
    return Standardize(mean, std, clip)
