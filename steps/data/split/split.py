"""Rows into parts that share nothing that matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

PARTS = ("train", "validation", "test")
Rows = dict[str, np.ndarray]
"""Part -> indices of its rows."""


def split(
    *,
    data: Dataset,
    train: Dataset,
    validation: Dataset,
    test: Dataset,
    fractions: dict[str, float],
    stratify: bool,
    seed: int,
    by: str | None = None,
    groups: dict[str, list[Any]] | None = None,
    order: str | None = None,
) -> dict[str, dict[str, int]]:
    """Writes the parts; rows keep their order within a part. Raises BadInput where a part would be empty."""
    columns = data.read()
    shares = check_fractions(fractions)
    if by and order:
        raise BadInput("`by` and `order` are two ways to split; give one of them")
    if groups and not by:
        raise BadInput("`groups` says which groups belong to a part, so `by` must name their column")
    if columns.rows < len(shares):
        raise BadInput(f"{columns.rows} rows are too few for {len(shares)} parts")
    random = np.random.default_rng(seed)
    if by:
        parts = by_group(columns.column(by), by, shares, groups or {}, random)
    elif order:
        parts = by_time(columns.column(order), order, shares)
    elif stratify and columns.classes:
        parts = by_class(columns, shares, random)
    else:
        parts = at_random(np.arange(columns.rows), shares, random)
    outputs = {"train": train, "validation": validation, "test": test}
    for name, rows in parts.items():
        outputs[name].write(columns.take(np.sort(rows)))
    return {"rows": {name: len(rows) for name, rows in parts.items()}}


def check_fractions(fractions: dict[str, Any]) -> dict[str, float]:
    """The shares, in the order of the parts. Raises BadInput unless they are positive and make up one."""
    if unknown := sorted(fractions.keys() - set(PARTS)):
        raise BadInput(f"there is no part {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    for name in ("train", "test"):
        if name not in fractions:
            raise BadInput(f"fractions need {name!r}")
    for name, share in fractions.items():
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not share > 0:
            raise BadInput(f"the fraction of {name} must be a number above 0, not {share!r}")
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise BadInput(f"the fractions add up to {sum(fractions.values()):g}, not to 1")
    return {name: float(fractions[name]) for name in PARTS if name in fractions}


def at_random(rows: np.ndarray, shares: dict[str, float], random: np.random.Generator) -> Rows:
    """Any row anywhere."""
    cuts = np.cumsum(_counts(len(rows), shares))[:-1]
    return dict(zip(shares, np.split(random.permutation(rows), cuts), strict=True))


def by_class(columns: Columns, shares: dict[str, float], random: np.random.Generator) -> Rows:
    """Any row anywhere, but each class in each part."""
    label = columns.label()
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in shares}
    for code in np.unique(label):
        rows = np.flatnonzero(label == code)
        if len(rows) < len(shares):
            raise BadInput(
                f"class {columns.classes[code]!r} has {len(rows)} rows, too few for {len(shares)} parts; "
                "`stratify: false` splits without looking at classes"
            )
        for name, piece in at_random(rows, shares, random).items():
            pieces[name].append(piece)
    return {name: np.concatenate(piece) for name, piece in pieces.items()}


def by_group(
    column: np.ndarray, by: str, shares: dict[str, float], named: dict[str, list[Any]], random: np.random.Generator
) -> Rows:
    """Whole groups: those that a part names, then the others at random, to the part that lacks most rows."""
    values, codes, sizes = np.unique(column, return_inverse=True, return_counts=True)
    home = _named_homes([str(value) for value in values.tolist()], by, shares, named)
    free_parts = {name: share for name, share in shares.items() if name not in named}
    free = [code for code in random.permutation(len(values)) if code not in home]
    if len(free) < len(free_parts):
        raise BadInput(f"{len(free_parts)} parts need as many groups of {by!r}, but {len(free)} are left")
    if free and not free_parts:
        raise BadInput(f"no part takes group {values[free[0]]} of {by!r}: `groups` names every part")
    total = sizes[free].sum() / sum(free_parts.values())
    wanted = {name: share * total for name, share in free_parts.items()}
    missing = dict(wanted)
    for turn, code in enumerate(free):
        empty = [name for name in missing if missing[name] == wanted[name]]
        candidates = empty if len(free) - turn <= len(empty) else missing  # the last go where there is none
        home[code] = max(candidates, key=lambda name: missing[name])
        missing[home[code]] -= sizes[code]
    place = np.array([home[code] for code in range(len(values))])[codes]
    return {name: np.flatnonzero(place == name) for name in shares}


def _named_homes(values: list[str], by: str, shares: dict[str, float], named: dict[str, list[Any]]) -> dict[int, str]:
    home: dict[int, str] = {}
    for name, groups in named.items():
        if name not in shares:
            raise BadInput(f"`groups` names the part {name!r}, but the fractions are for {', '.join(shares)}")
        if not isinstance(groups, list) or not groups:
            raise BadInput(f"the groups of {name} must be a list of values of {by!r}")
        for group in map(str, groups):
            if group not in values:
                raise BadInput(f"column {by!r} has no group {group}; there are: {', '.join(values[:20])}")
            first = home.setdefault(values.index(group), name)
            if first != name:
                raise BadInput(f"group {group} of {by!r} is named for {first} and for {name}")
    return home


def by_time(times: np.ndarray, order: str, shares: dict[str, float]) -> Rows:
    """The past learns, the future judges; rows of one moment stay together."""
    if times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise BadInput(f"column {order!r} cannot order the rows: it needs a number in every row")
    rows = np.argsort(times, kind="stable")
    sorted_times = times[rows]
    cuts = np.searchsorted(sorted_times, sorted_times[np.cumsum(_counts(len(rows), shares))[:-1]])
    parts = dict(zip(shares, np.split(rows, cuts), strict=True))
    for name, part in parts.items():
        if not len(part):
            raise BadInput(f"too many rows have the same {order!r}: no moment is left for {name}")
    return parts


def _counts(rows: int, shares: dict[str, float]) -> list[int]:
    """How many of so many rows each part gets: at least one, the rest by largest remainder."""
    exact = np.array(list(shares.values())) * rows
    counts = np.maximum(np.floor(exact).astype(int), 1)
    while counts.sum() > rows:
        counts[np.argmax(counts)] -= 1
    for part in np.argsort(counts - exact, kind="stable")[: rows - counts.sum()]:
        counts[part] += 1
    return counts.tolist()
