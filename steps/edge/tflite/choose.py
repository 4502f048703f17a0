"""Which variant to keep: the first in the declared order that breaks no limit."""

from __future__ import annotations

from typing import Any

from lighterage.schemas import BadInput

AT_MOST = ("size_kb", "size_ratio", "accuracy_drop", "max_abs_diff")
AT_LEAST = ("accuracy", "agreement")


def check_budget(budget: dict[str, Any], *, classification: bool) -> None:
    """Raises BadInput for limits that do not exist, are no numbers, or do not apply to this kind of model."""
    for name, limit in budget.items():
        if name not in AT_MOST + AT_LEAST:
            raise BadInput(f"there is no budget {name!r}; there are: {', '.join(AT_MOST + AT_LEAST)}")
        if isinstance(limit, bool) or not isinstance(limit, (int, float)):
            raise BadInput(f"the budget {name} must be a number, not {limit!r}")
        if name == "agreement" and not classification:
            raise BadInput("agreement is for classes; a regression has max_abs_diff and accuracy_drop")


def broken_limits(figures: dict[str, Any], budget: dict[str, Any]) -> list[str]:
    """One line for each limit that a variant breaks, with by how much."""
    broken = []
    for name, limit in budget.items():
        value = figures[name]
        if name in AT_MOST and value > limit:
            broken.append(f"{name} {value:.4g} is over {limit:g} by {value - limit:.4g}")
        if name in AT_LEAST and value < limit:
            broken.append(f"{name} {value:.4g} is under {limit:g} by {limit - value:.4g}")
    return broken


def first_fit(entries: dict[str, dict[str, Any]]) -> str | None:
    """The name of the first variant that is fit."""
    return next((name for name, entry in entries.items() if entry["status"] == "fit"), None)


def table(entries: dict[str, dict[str, Any]]) -> str:
    """A line for each variant: its figures, and what is wrong with it."""
    return "\n".join(
        f"{name:<13}{entry['status']:<12}{_figures(entry)}{'; '.join(entry['reasons'])}".rstrip()
        for name, entry in entries.items()
    )


def _figures(entry: dict[str, Any]) -> str:
    if "size" not in entry:
        return ""
    agreement = f"agreement {entry['agreement']:.4f}  " if "agreement" in entry else ""
    drop = f"accuracy {entry['accuracy']:.4f} (drop {entry['accuracy_drop']:+.4f})"
    return f"{entry['size']:>9} bytes  {drop}  {agreement}"
