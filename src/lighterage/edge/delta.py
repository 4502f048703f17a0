"""Applies a patch in the BSDIFF40 form, which `bsdiff4` and the bsdiff program write, with numpy and nothing else.

Not with their own reader, because that is C, whose mistakes a patch from the network could use.
"""

from __future__ import annotations

import bz2
import io
import struct
from itertools import pairwise
from typing import BinaryIO

import numpy as np

from .errors import UpdateError

MOST_STEPS = 10_000_000


def apply_delta(old: bytes, patch: bytes, size: int) -> bytes:
    """The new bytes, ``size`` of them. Raises UpdateError for what is no patch, or one that makes another number of bytes.

    A patch for other old bytes gives other new ones: look at their digest.
    """
    try:
        return _applied(old, patch, size)
    except (ValueError, EOFError, OSError, struct.error, OverflowError) as error:
        hint = "fetch the whole bundle instead"
        raise UpdateError("damaged-download", f"the patch cannot be applied: {error}", hint) from None


def _applied(old: bytes, patch: bytes, size: int) -> bytes:
    """Steps of three numbers: add this many bytes to old ones, take this many new ones, move on in the old ones."""
    steps, added, taken = _blocks(patch, size)
    before = np.frombuffer(old, np.uint8)
    new = np.empty(size, np.uint8)
    place = read = 0
    for _ in range(MOST_STEPS):
        if place == size:
            return new.tobytes()
        add, take, move = (_number(steps, 8) for _ in range(3))
        if add < 0 or take < 0 or place + add + take > size:
            raise ValueError("it makes more bytes than it says")
        _add(new[place : place + add], before, read, _exactly(added, add))
        new[place + add : place + add + take] = np.frombuffer(_exactly(taken, take), np.uint8)
        place, read = place + add + take, read + add + move
    raise ValueError(f"it has over {MOST_STEPS} steps")


def _blocks(patch: bytes, size: int) -> tuple[bz2.BZ2File, bz2.BZ2File, bz2.BZ2File]:
    head = io.BytesIO(patch[:32])
    if head.read(8) != b"BSDIFF40":
        raise ValueError("it is not of the form BSDIFF40")
    first, second, made = (_number(head, 8) for _ in range(3))
    if made != size:
        raise ValueError(f"it makes {made} bytes, not {size}")
    if first < 0 or second < 0 or 32 + first + second > len(patch):
        raise ValueError("it is cut")
    cuts = (32, 32 + first, 32 + first + second, len(patch))
    one, two, three = (bz2.BZ2File(io.BytesIO(patch[start:end])) for start, end in pairwise(cuts))
    return one, two, three


def _add(to: np.ndarray, before: np.ndarray, read: int, difference: bytes) -> None:
    """Differences to old bytes; outside the old ones they are the new bytes themselves."""
    to[:] = np.frombuffer(difference, np.uint8)
    start, end = max(read, 0), min(read + len(to), len(before))
    if start < end:
        to[start - read : end - read] += before[start:end]


def _number(file: BinaryIO | bz2.BZ2File, count: int) -> int:
    """63 bits and a sign, as bsdiff writes them."""
    (value,) = struct.unpack("<Q", _exactly(file, count))
    return -(value & ~(1 << 63)) if value >> 63 else int(value)


def _exactly(file: BinaryIO | bz2.BZ2File, count: int) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise EOFError("it ends too early")
    return content
