"""Limits on what a variant may cost and must reach."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

from lighterage.schemas import BadInput

FROM_TIMING = ("load_ms", "median_us", "p95_us", "latency_ratio", "memory_kb")
AT_MOST = (
    "size",
    "size_kb",
    "size_gzip_kb",
    "size_ratio",
    "accuracy_drop",
    "max_abs_diff",
    "worst_slice_drop",
    "arena_kb",
    *FROM_TIMING,
)
AT_LEAST = ("accuracy", "agreement", "rows")
WHY_NOT = {
    "agreement": "agreement is for classes; a quantity has accuracy_drop and max_abs_diff",
    "worst_slice_drop": "edge/verify was not told by which column to `slice`",
    "arena_kb": "no microcontroller's runtime ran the models: edge/verify does it for the target micro, where tflite-micro is installed",
    "memory_kb": "the machine of edge/verify does not say how much memory a process takes",
}
"""limit -> why a report has no figure for it"""

Budget = dict[str, dict[str, float]]
"""limit -> variant -> number"""


def read_budget(given: dict[str, Any], order: list[str]) -> Budget:
    """Limits by variant; a plain number is for all. Raises BadInput for limits and variants that do not exist."""
    budget: Budget = {}
    for name, limit in given.items():
        _check_name(name, AT_MOST + AT_LEAST, f"there is no budget {name!r}")
        limits = limit if isinstance(limit, dict) else dict.fromkeys(order, limit)
        for variant, number in limits.items():
            _check_name(
                variant, tuple(order), f"the budget {name} has a limit for {variant!r}, which is not in `order`"
            )
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                raise BadInput(f"the budget {name} of {variant} must be a number, not {number!r}")
        budget[name] = {variant: limits[variant] for variant in order if variant in limits}
    return budget


def broken_limits(variant: str, figures: dict[str, Any], budget: Budget) -> list[str]:
    """One line for each limit that a variant breaks, with by how much. Raises BadInput for one that cannot be judged."""
    broken = []
    for name, limits in budget.items():
        if variant not in limits:
            continue
        if name not in figures:
            raise BadInput(f"the budget {name} cannot be judged: {WHY_NOT.get(name, 'the report has no such figure')}")
        if name == "latency_ratio" and figures["noise"]:
            print(
                f"{variant}: a call takes {figures['median_us']:.1f} us, which is timer noise; {name} is not judged",
                flush=True,
            )
            continue
        limit, value = limits[variant], figures[name]
        if name in AT_MOST and value > limit:
            broken.append(f"{name} {value:.4g} is over {limit:g} by {value - limit:.4g}")
        if name in AT_LEAST and value < limit:
            broken.append(f"{name} {value:.4g} is under {limit:g} by {limit - value:.4g}")
    return broken


def _check_name(name: str, known: tuple[str, ...], unknown: str) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    raise BadInput(f"{unknown}; " + (f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"))
