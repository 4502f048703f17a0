"""Reads data from where it is and gives every column its role."""

from __future__ import annotations

import numpy as np

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns, Role
from lighterage.schemas import BadInput

from .fetch import local_copy, public_name
from .files import read_source
from .packages import PREFIX, read_package

MOST_CLASSES = 1000


def load(
    *,
    source: str,
    data: Dataset,
    label: str | None = None,
    label_type: str | None = None,
    groups: list[str] | None = None,
    time: str | None = None,
    columns: list[str] | None = None,
    file_column: str | None = None,
    rate_hz: float | None = None,
) -> dict[str, int]:
    """Writes the rows of ``source`` to ``data``. Raises BadInput for what cannot be read or does not fit."""
    if source.startswith(PREFIX):
        found = read_package(source.removeprefix(PREFIX))
    else:
        with local_copy(source) as path:
            found = read_source(path, public_name(source), file_column)
    grouping = [*(groups or []), *([file_column] if file_column else [])]
    found = with_roles(found, label, grouping, time, columns)
    found = with_seconds(with_classes(found, label_type))
    if not found.rows:
        raise BadInput(f"there are no rows in {source}")
    for name in found.named("feature"):
        if found.values[name].dtype.kind not in "biuf":
            raise BadInput(f"column {name!r} holds no numbers; `columns` names those to use")
    if rate_hz is not None:
        found = found.with_values(found.values, rate_hz=float(rate_hz))
    data.write(found)
    return {"rows": found.rows}


def with_roles(
    found: Columns, label: str | None, groups: list[str], time: str | None, columns: list[str] | None
) -> Columns:
    """The columns with the roles asked for; those with no role and not among ``columns`` are left out."""
    roles = dict(found.roles)
    asked: dict[Role, list[str]] = {
        "label": [label] if label else [],
        "group": groups,
        "time": [time] if time else [],
    }
    for role, names in asked.items():
        if names and role != "group":  # there is one label and one time: a new one takes the place of the old
            roles = {name: old for name, old in roles.items() if old != role}
        for name in names:
            found.column(name)
            roles[name] = role
    features = columns or [name for name in found.values if roles.get(name, "feature") == "feature"]
    for name in features:
        found.column(name)
        if roles.get(name, "feature") != "feature":
            raise BadInput(f"column {name!r} is the {roles[name]} and cannot be a feature too")
    kept = [*features, *(name for name in found.values if roles.get(name, "feature") != "feature")]
    if not features:
        raise BadInput("no column is left to be a feature")
    classes = found.classes if label in (None, *found.named("label")) else []
    return Columns(
        values={name: found.values[name] for name in dict.fromkeys(kept)},
        roles={name: role for name, role in roles.items() if role != "feature"},
        classes=classes,
        rate_hz=found.rate_hz,
        preprocessing=found.preprocessing,
        source=found.source,
    )


def with_classes(found: Columns, label_type: str | None) -> Columns:
    """Turns a label that names classes into numbers 0, 1 … in sorted order, and keeps the names."""
    if not found.named("label") or found.classes:
        return found
    name, label = found.named("label")[0], found.label()
    if label.dtype.kind == "f" and np.isnan(label).any():
        raise BadInput(f"column {name!r} is the label, but row {np.flatnonzero(np.isnan(label))[0]} has none")
    if label_type == "number" or (label_type is None and label.dtype.kind == "f"):
        if label.dtype.kind not in "biuf":
            raise BadInput(f"column {name!r} holds text, which cannot be a quantity to learn")
        return found
    classes, codes = np.unique(label, return_inverse=True)
    if len(classes) > MOST_CLASSES:
        raise BadInput(
            f"column {name!r} has {len(classes)} different values, too many for classes; "
            "set `label_type: number` if it is a quantity"
        )
    values = found.values | {name: codes.astype(np.int64)}
    return found.with_values(values, classes=[_text(value) for value in classes])


def with_seconds(found: Columns) -> Columns:
    """Turns ISO dates of the time column into seconds since 1970."""
    for name in found.named("time"):
        times = found.values[name]
        if times.dtype.kind == "U":
            times = _parse_dates(name, times)
        if times.dtype.kind == "M":
            seconds = (times.astype("datetime64[us]") - np.datetime64(0, "us")) / np.timedelta64(1, "s")
            found = found.with_values(found.values | {name: seconds})
    return found


def _parse_dates(name: str, times: np.ndarray) -> np.ndarray:
    try:
        return np.char.rstrip(times, "Z").astype("datetime64[us]")
    except ValueError as error:
        raise BadInput(f"the time column {name!r} holds no numbers and no ISO dates: {error}") from None


def _text(value: np.generic) -> str:
    return str(value.item()).lower() if value.dtype.kind == "b" else str(value.item())
