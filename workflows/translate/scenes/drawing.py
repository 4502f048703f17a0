"""Backgrounds cut from photos, and ink on them."""

from __future__ import annotations

import numpy as np

from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

HEIGHT, WIDTH = 64, 96
"""Of a scene."""
DIGIT = 28
"""Height and width of a digit's box; a number is two of them, side by side."""
LUMA = np.array([0.299, 0.587, 0.114])


def backgrounds(photos: Columns, start: float, end: float, count: int, random: np.random.Generator) -> np.ndarray:
    """Grey pieces of a strip of each photo, some mirrored: ``(count, 64, 96)``, 0 to 1. Raises BadInput for a narrow strip."""
    colours = np.asarray(photos.features())
    if colours.ndim != 4 or colours.shape[-1] != 3:
        raise BadInput(f"colour photos (height, width, 3) are needed, not {colours.shape[1:]}")
    grey = (colours @ LUMA / 255).astype(np.float32)
    height, width = grey.shape[1:]
    first, last = round(start * width), round(end * width)
    if last - first < WIDTH or height < HEIGHT:
        raise BadInput(f"a strip of {height} x {last - first} pixels has no room for a scene of {HEIGHT} x {WIDTH}")
    which = random.integers(0, len(grey), count)
    top = random.integers(0, height - HEIGHT + 1, count)
    left = random.integers(first, last - WIDTH + 1, count)
    mirrored = random.random(count) < 0.5
    pieces = np.stack([grey[n, y : y + HEIGHT, x : x + WIDTH] for n, y, x in zip(which, top, left, strict=True)])
    pieces[mirrored] = pieces[mirrored, :, ::-1]
    return pieces


def drawn(pieces: np.ndarray, ink: np.ndarray, corners: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Numbers written on pieces of photos, light on dark ground and dark on light ground: ``(count, 64, 96, 1)``, 0 to 255.

    ``ink`` is ``(count, 2, 28, 28)``, ``corners`` the upper left pixel of each number.
    """
    images = pieces.copy()
    strengths = random.uniform(0.5, 1.0, len(images)).astype(np.float32)
    for image, pair, (top, left), strength in zip(images, ink, corners, strengths, strict=True):
        place = image[top : top + DIGIT, left : left + 2 * DIGIT]
        cover = strength * np.concatenate([pair[0], pair[1]], axis=1)
        tone = 1.0 if place.mean() < 0.5 else 0.0
        place += cover * (tone - place)
    return np.round(images * 255).astype(np.uint8)[..., None]
