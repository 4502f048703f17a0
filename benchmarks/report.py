"""What was measured, as a plain table and as JSON."""

from __future__ import annotations

import os
import platform
from math import isnan
from typing import Any

from .timing import Benchmark, Bound, Times, spread


def table(benchmark: Benchmark, times: Times) -> str:
    """Seconds per contender, then each bound with its figure and whether it is kept."""
    rounds = max(map(len, times.seconds.values()), default=0)
    lines = [f"{benchmark.name}: {benchmark.title} ({rounds} rounds)"]
    lines += [f"  {name:<44} {_range(each, 3)} s" for name, each in times.seconds.items()]
    lines += [f"  {name:<44} not measured: {reason}" for name, reason in times.failed.items()]
    lines += [_bound_line(bound, times.figures(bound)) for bound in benchmark.bounds]
    return "\n".join(lines)


def as_json(measured: list[tuple[Benchmark, Times]]) -> dict[str, Any]:
    """The machine, and every benchmark with all its rounds."""
    return {
        "machine": _machine(),
        "benchmarks": [
            {
                "name": benchmark.name,
                "title": benchmark.title,
                "seconds": {name: _summary(each) | {"rounds": each} for name, each in times.seconds.items()},
                "not_measured": times.failed,
                "bounds": [_bound_json(bound, times.figures(bound)) for bound in benchmark.bounds],
            }
            for benchmark, times in measured
        ],
    }


def _machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "architecture": platform.machine(), "python": platform.python_version()}


def verdict(bound: Bound, figures: list[float]) -> str:
    """Held against the median, since the ends of the range are the machine's."""
    if not _known(figures):
        return "unclear" if figures else "not measured"
    return "met" if spread(figures)[0] <= bound.most else "missed"


def _known(figures: list[float]) -> bool:
    """Whether there are figures and the machine was quiet enough to tell them (JSON has no nan)."""
    return bool(figures) and not any(map(isnan, figures))


def _bound_line(bound: Bound, figures: list[float]) -> str:
    figure = _range(figures, 2) if _known(figures) else ""
    return f"  = {bound.label:<42} {figure}   at most {bound.most:.2f}: {verdict(bound, figures)}"


def _bound_json(bound: Bound, figures: list[float]) -> dict[str, Any]:
    summary = _summary(figures) if _known(figures) else {}
    return {"figure": bound.label, "at_most": bound.most, "verdict": verdict(bound, figures)} | summary


def _range(values: list[float], digits: int) -> str:
    middle, least, greatest = spread(values)
    return f"{middle:7.{digits}f}  ({least:.{digits}f}..{greatest:.{digits}f})"


def _summary(values: list[float]) -> dict[str, float]:
    return dict(zip(("median", "min", "max"), spread(values), strict=True))
