"""Scenes: a part of a photo with a country's telephone code written on it by hand."""

from __future__ import annotations

import numpy as np

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns, Role
from lighterage.schemas import BadInput

from .codes import COUNTRIES, NUMBERS
from .drawing import DIGIT, HEIGHT, WIDTH, backgrounds, drawn

CELL = 4
"""Pixels of a scene for each step of the map of positions, in both directions."""
ROWS, COLUMNS = HEIGHT // CELL, WIDTH // CELL


def scenes(
    *,
    digits: Dataset,
    photos: Dataset,
    positions: Dataset,
    crops: Dataset,
    countries: Dataset,
    start: float,
    end: float,
    count: int,
    shift: int,
    seed: int,
) -> None:
    """Writes the same ``count`` scenes as what each of the three models learns from."""
    random = np.random.default_rng(seed)
    written, which = digits.read(), random.integers(0, len(NUMBERS), count)
    numbers = np.array(NUMBERS)[which]
    pairs = np.stack([numbers // 10, numbers % 10], axis=1)
    ink = _examples(written, pairs, random)
    corners = np.stack(
        [random.integers(0, HEIGHT - DIGIT + 1, count), random.integers(0, WIDTH - 2 * DIGIT + 1, count)], axis=1
    )
    behind = photos.read()
    images = drawn(backgrounds(behind, start, end, count, random), ink, corners, random)
    source = f"{written.source} on {behind.source}"
    groups = {"code": numbers, "top": corners[:, 0], "left": corners[:, 1]}
    positions.write(_labelled(images, "position", _cells(corners), _cell_names(), groups, source))
    countries.write(_labelled(images, "country", which, COUNTRIES, groups, source))
    cut = _crops(images, corners, shift, random)
    crops.write(_labelled(cut, "digit", pairs.reshape(-1), list("0123456789"), {}, source))


def _examples(written: Columns, pairs: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """For each wanted digit an image of it, by chance: ``(count, 2, 28, 28)``, 0 to 1. Raises BadInput where one is absent."""
    images, labels = np.asarray(written.features()), written.label()
    if images.shape[1:] != (DIGIT, DIGIT, 1):
        raise BadInput(f"digits of {DIGIT} x {DIGIT} x 1 are needed, not {images.shape[1:]}")
    chosen = np.zeros(pairs.shape, int)
    for digit in range(10):
        candidates = np.flatnonzero(labels == digit)
        wanted = pairs == digit
        if not len(candidates):
            raise BadInput(f"there is no image of the digit {digit}")
        chosen[wanted] = random.choice(candidates, int(wanted.sum()))
    return images[chosen, :, :, 0] / np.float32(255)


def _cells(corners: np.ndarray) -> np.ndarray:
    """The cell that the middle of each number is in, counted row by row."""
    middle = (corners + np.array([DIGIT // 2, DIGIT])) // CELL
    return middle[:, 0] * COLUMNS + middle[:, 1]


def _cell_names() -> list[str]:
    return [f"{row},{column}" for row in range(ROWS) for column in range(COLUMNS)]


def _crops(images: np.ndarray, corners: np.ndarray, shift: int, random: np.random.Generator) -> np.ndarray:
    """Left and right digit of each scene, a little off, as whoever cuts by the map is: ``(2 * count, 28, 28, 1)``."""
    off = random.integers(-shift, shift + 1, (len(images), 2))
    top, left = np.clip(corners + off, 0, [HEIGHT - DIGIT, WIDTH - 2 * DIGIT]).T
    down, across = np.arange(DIGIT), np.arange(2 * DIGIT)
    numbers = images[
        np.arange(len(images))[:, None, None], (top[:, None] + down)[:, :, None], (left[:, None] + across)[:, None]
    ]
    halves = numbers.reshape(len(images), DIGIT, 2, DIGIT, 1).swapaxes(1, 2)
    return halves.reshape(-1, DIGIT, DIGIT, 1)


def _labelled(
    images: np.ndarray, label: str, codes: np.ndarray, classes: list[str], groups: dict[str, np.ndarray], source: str
) -> Columns:
    roles: dict[str, Role] = {label: "label", **dict.fromkeys(groups, "group")}
    return Columns(
        {"image": images, label: codes.astype(np.int64), **groups}, roles=roles, classes=classes, source=source
    )
