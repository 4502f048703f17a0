"""What `lighterage edge run` reads: rows, or recordings of a sensor, from files and datasets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..edge import Bundle, InputError, Prediction
from ..launching.columns import Columns
from ..steps.data.load.files import read_source


@dataclass
class Given:
    """Rows ``(rows, …)``, or recordings ``(samples, channels)`` with times or None."""

    rows: np.ndarray | None
    recordings: list[tuple[np.ndarray, np.ndarray | None]]
    rate_hz: float | None = None
    done: int = 0
    """operations of the bundle's preprocessing that the values went through already"""


def read_input(path: Path, bundle: Bundle) -> Given:
    """Raises InputError or BadInput for what cannot be read or does not fit the bundle."""
    if path.suffix.lower() == ".npy":
        return _plain(path, bundle)
    columns = read_source(path, path.name, None)
    done = _done(columns, bundle)
    features, window = bundle.features, bundle.window
    if columns.values.keys() >= set(features):
        return Given(_side_by_side(columns, features), [], columns.rate_hz, done)
    if window and columns.values.keys() >= set(window.channels):
        samples = _side_by_side(columns, window.channels)
        times = columns.values[columns.named("time")[0]] if columns.named("time") else None
        cuts = _recordings(columns)
        recordings = [(samples[part], None if times is None else times[part]) for part in cuts]
        return Given(None, recordings, columns.rate_hz, done)
    wanted = window.channels if window else features
    lacking = ", ".join(name for name in wanted if name not in columns.values)
    raise InputError(f"{path.name} lacks the columns {lacking}; it has {', '.join(columns.values)}")


def predictions(bundle: Bundle, given: Given, hop: int | None) -> list[dict[str, Any]]:
    """An answer a row, or a window; then with the number of its recording and of its first sample there."""
    if given.rows is not None:
        if hop is not None:
            raise InputError("the input holds whole rows, which have no hop")
        return [_answer(one) for one in bundle.predict(given.rows, done=given.done)]
    found = []
    for number, (samples, times) in enumerate(given.recordings):
        stream = bundle.stream(hop=hop, rate_hz=given.rate_hz, done=given.done)
        found += [{"recording": number, **_answer(one)} for one in stream.feed(samples, times)]
    return found


def _answer(one: Prediction) -> dict[str, Any]:
    stage = {"stage": one.stage} if one.stage else {}
    return {"at": one.at, "label": one.label, "score": one.score, **stage}


def _plain(path: Path, bundle: Bundle) -> Given:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name} is no plain array: {error}") from None
    if bundle.window and values.ndim == 2:
        return Given(None, [(values, None)])
    return Given(values, [])


def _done(columns: Columns, bundle: Bundle) -> int:
    """How many operations the dataset went through. Raises InputError where they are not the bundle's first ones."""
    wanted, done = bundle.preprocessing, columns.preprocessing
    if done != wanted[: len(done)]:
        names = " then ".join(entry["op"] for entry in done)
        raise InputError(f"the data went through {names}, with other operations or figures than the bundle's")
    return len(done)


def _side_by_side(columns: Columns, names: list[str]) -> np.ndarray:
    return Columns({name: columns.values[name] for name in names}).features()


def _recordings(columns: Columns) -> list[slice]:
    """A recording ends where a group column changes; rows stay in the order of the file."""
    border = np.zeros(max(columns.rows - 1, 0), bool)
    for name in columns.named("group"):
        border |= columns.values[name][1:] != columns.values[name][:-1]
    cuts = [0, *(np.flatnonzero(border) + 1).tolist(), columns.rows]
    return [slice(first, end) for first, end in pairwise(cuts)]
