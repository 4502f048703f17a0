"""Which variant to ship: the first in the declared order that breaks no limit."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

from lighterage.launching.artifacts import Metrics, Model
from lighterage.schemas import BadInput

from .budget import FROM_TIMING, Budget, broken_limits, read_budget

Entries = dict[str, dict[str, Any]]


def choose(
    *,
    models: list[Model],
    verified: Metrics,
    tflite: Model,
    report: Metrics,
    order: list[str],
    budget: dict[str, Any],
    on_fail: str,
    timing: Metrics | None = None,
) -> dict[str, Any]:
    """Copies the first variant of ``order`` inside all of ``budget``. Raises BadInput, with a table, if none is."""
    order = list(dict.fromkeys(order))
    limits = read_budget(budget, order)
    found = verified.read()
    entries: Entries = found["variants"]
    by_variant = {str(model.about()["variant"]): model for model in models}
    check_same_models(by_variant, entries)
    times = read_times(timing, limits)
    if on_fail == "stop":
        stop_for_failures(entries)
    judge(entries, order, limits, found["rows"], times)
    told = table(entries, order)
    chosen = next((name for name in order if entries.get(name, {}).get("status") == "fit"), None)
    if chosen is None:
        raise BadInput(f"no variant is inside the budget:\n{told}")
    print(f"{told}\nchosen: {chosen}", flush=True)
    shutil.copytree(by_variant[chosen].path, tflite.path, copy_function=shutil.copyfile)  # not the read-only modes
    report.write(found | {"budget": budget, "order": order, "chosen": chosen})
    entry = entries[chosen]
    return {"variant": chosen, "accuracy": entry["accuracy"], "size": entry["size"]}


def check_same_models(by_variant: dict[str, Model], entries: Entries) -> None:
    """Raises BadInput where the report is not one of these models."""
    if missing := sorted(by_variant.keys() ^ entries.keys()):
        raise BadInput(f"the report is not one of these models: only one of them knows {', '.join(missing)}")
    for name, entry in entries.items():
        if "digest" not in entry:
            continue
        content = (by_variant[name].path / "model.tflite").read_bytes()
        if entry["digest"] != f"sha256:{hashlib.sha256(content).hexdigest()}":
            raise BadInput(f"the report is not one of these models: it was made for another {name} file")


def read_times(timing: Metrics | None, budget: Budget) -> Entries:
    """Times by variant. Raises BadInput where a limit needs them and they were not given."""
    if timing is not None:
        return dict(timing.read()["variants"])
    if needed := [name for name in FROM_TIMING if name in budget]:
        raise BadInput(f"the budget {', '.join(needed)} needs the output `timing` of edge/verify as input `timing`")
    return {}


def stop_for_failures(entries: Entries) -> None:
    """Raises BadInput where any variant was refused or failed, in `order` or not."""
    wrong = {name: entry for name, entry in entries.items() if entry["status"] != "proven"}
    if wrong:
        raise BadInput(f"not every variant is proven, and on_fail is stop:\n{table(wrong, list(wrong))}")


def judge(entries: Entries, order: list[str], budget: Budget, rows: int, times: Entries) -> None:
    """Makes `fit` or `over_budget` of every proven variant that is asked for."""
    for name in order:
        entry = entries.get(name)
        if entry is None or entry["status"] != "proven":
            continue
        taken = times.get(name, {})
        if taken and taken["digest"] != entry["digest"]:
            raise BadInput(f"the times are not of these models: they were taken of another {name} file")
        broken = broken_limits(name, entry | taken | {"rows": rows}, budget)
        entry |= {"status": "over_budget" if broken else "fit", "reasons": broken}


def table(entries: Entries, order: list[str]) -> str:
    """A line for each variant: its figures, and what is wrong with it; also those that were not made, or not asked for."""
    lines = []
    for name in order:
        if name in entries:
            lines.append(
                f"{name:<13}{entries[name]['status']:<12}{_figures(entries[name])}{'; '.join(entries[name]['reasons'])}"
            )
        else:
            lines.append(f"{name:<13}{'not made':<12}there is no such model among `models`")
    lines += [f"{name:<13}{'not asked':<12}it is not in `order`" for name in entries if name not in order]
    return "\n".join(line.rstrip() for line in lines)


def _figures(entry: dict[str, Any]) -> str:
    if "size" not in entry:
        return ""
    agreement = f"agreement {entry['agreement']:.4f}  " if "agreement" in entry else ""
    return (
        f"{entry['size']:>9} bytes  accuracy {entry['accuracy']:.4f} (drop {entry['accuracy_drop']:+.4f})  {agreement}"
    )
