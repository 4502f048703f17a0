"""What must hold, with the numbers agreed before: each a row with the worst figure of all cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .measuring import Case

LSB = "int8, LiteRT without XNNPACK and tflite-micro"


class Row(NamedTuple):
    """A line of the table."""

    gate: str
    worst: str
    accept: str
    met: bool | None
    """None: nothing was measured"""


def rows(cases: list[Case], imports: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """All gates but the mistakes that must be stopped."""
    yield _most("float32, largest difference to Keras", _each(cases, _converted("max_abs_diff")), 1e-5, "{:.1e}")
    yield _least("float32, same answer as Keras", _each(cases, _converted("agreement")), 1.0)
    yield _most("float16, largest difference", _each(cases, _variant("float16", "max_abs_diff")), 1e-2, "{:.1e}")
    yield _least("float16, agreement", _each(cases, _variant("float16", "agreement")), 0.999)
    yield _most("dynamic int8, points lost", _each(cases, _points("dynamic_int8")), 0.5, "{:+.2f}")
    yield _least("dynamic int8, agreement", _each(cases, _variant("dynamic_int8", "agreement")), 0.99)
    yield _most("int8, points lost", _each(cases, _points("int8")), 1.0, "{:+.2f}")
    yield _least("int8, agreement", _each(cases, _variant("int8", "agreement")), 0.95)
    yield _most("int8, bytes of float32's", _each(cases, _variant("int8", "size_ratio")), 0.40)
    yield _most("float16, bytes of float32's", _each(cases, _variant("float16", "size_ratio")), 0.60)
    convolutions = [case for case in cases if case.data.convolutions]
    yield _most("int8, time of float32's, convolutions", _each(convolutions, _latency), 0.80, "{:.2f}")
    yield _least("one call, times faster than tf.function", _each(cases, _faster), 3.0, "{:.1f}")
    yield from _importing(imports)
    yield _most("quantizing one variant, TensorFlow blocked, s", _each(cases, _quantizing), 5.0, "{:.2f}")
    yield _hashes(cases)
    yield _most(f"{LSB}, steps apart", _each(cases, _steps), 0, "{:.0f}")


Figure = Callable[[Case], float | None]
Figures = dict[str, float]
"""where -> figure"""


def _each(cases: list[Case], figure: Figure) -> Figures:
    """The figure of each case that has it."""
    found = {case.name: figure(case) for case in cases}
    return {name: value for name, value in found.items() if value is not None}


def _converted(name: str) -> Figure:
    return lambda case: float(case.reports["converted"]["parity"][name])


def _variant(variant: str, name: str) -> Figure:
    return lambda case: float(case.variant(variant).get(name, math.nan))  # a refused variant has no figures


def _points(variant: str) -> Figure:
    return lambda case: 100 * float(case.variant(variant).get("accuracy_drop", math.nan))


def _latency(case: Case) -> float | None:
    """None where a call is so short that the timer is much of it."""
    timed = case.reports["timing"]["variants"].get("int8")
    if timed is None:
        return math.nan
    return None if timed["noise"] else float(timed["latency_ratio"])


def _faster(case: Case) -> float:
    return case.calls["tf_function"] / case.calls["litert"]


def _quantizing(case: Case) -> float:
    return max(case.quantizing.values())


def _steps(case: Case) -> float | None:
    """None where tflite-micro is not installed."""
    entry = case.reports["micro"]["variants"]["int8"]
    second = entry.get("second_runtime", {"checked": "run"})
    return float(second.get("max_steps", math.nan)) if second["checked"] == "run" else None


def _importing(imports: dict[str, dict[str, Any]]) -> Iterator[Row]:
    yield _most(
        "import of a step of the edge, s", {name: one["seconds"] for name, one in imports.items()}, 2.0, "{:.2f}"
    )
    yield _most("memory of that, MB", {name: one["mb"] for name, one in imports.items()}, 150.0, "{:.0f}")
    guilty = [name for name, one in imports.items() if one["tensorflow"]]
    yield Row("TensorFlow imported by that", ", ".join(guilty) or "by none", "by none", not guilty)


def _hashes(cases: list[Case]) -> Row:
    digests = [[case.reports[name]["file"]["digest"] for name in ("converted", "again")] for case in cases]
    equal = sum(one == other for one, other in digests)
    return Row(
        "converted by two tasks, same bytes", f"{equal} of {len(cases)}", "all", equal == len(cases) if cases else None
    )


def _most(gate: str, figures: Figures, limit: float, form: str = "{:.3f}") -> Row:
    return _row(gate, figures, max, form, f"<= {limit:g}", lambda value: value <= limit)


def _least(gate: str, figures: Figures, limit: float, form: str = "{:.4f}") -> Row:
    return _row(gate, figures, min, form, f">= {limit:g}", lambda value: value >= limit)


def _row(
    gate: str, figures: Figures, worse: Callable[..., str], form: str, accept: str, holds: Callable[[float], bool]
) -> Row:
    if not figures:
        return Row(gate, "not measured", accept, None)
    absent = [name for name, value in figures.items() if math.isnan(value)]
    if absent:
        return Row(gate, f"no figure ({absent[0]})", accept, False)
    where = worse(figures, key=lambda name: figures[name])
    return Row(gate, f"{form.format(figures[where])} ({where})", accept, holds(figures[where]))
