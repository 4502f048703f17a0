"""The model card: what a person should know before using the model."""

from __future__ import annotations

from typing import Any

LIMITS = """\
## Limits

The figures hold for the rows they were measured on. {checked} Speed, memory and accuracy on a device were not measured.
Run the golden inputs on the device before you trust it there.
"""
CHECKED = {
    "run": "The target `{profile}` was checked by running the model: {runtime}, on the machine that made this.",
    "static": "The target `{profile}` was checked by rules for operators and types alone: nothing was run on such a device.",
}


def model_card(name: str, about: dict[str, Any], measured: dict[str, Any], described: int) -> str:
    """Markdown, made of what was measured and nothing else. ``described``: bytes of the file with its description."""
    shape = " x ".join(map(str, about["input"]["shape"]))
    answer = f"one of {', '.join(about['classes'])}" if about["classes"] else f"a quantity, {about['label']}"
    target = measured["target"]
    checked = CHECKED[target["checked"]].format(profile=target["profile"], runtime=measured["runtime"])
    facts = [f"| {fact} | {said} |" for fact, said in _facts(about, measured, described).items()]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"Takes {shape} values ({', '.join(about['features'])}) and answers {answer}.",
            "",
            "| | |",
            "|---|---|",
            *facts,
            "",
            "## What was measured",
            "",
            f"On {measured['rows']} rows, beside the float32 model on the same rows.",
            f"Runtime: {measured['runtime']}, kernels: {measured['kernels']}.",
            "",
            *_table(measured, bool(about["classes"])),
            "",
            LIMITS.format(checked=checked),
        ]
    )


def _facts(about: dict[str, Any], measured: dict[str, Any], described: int) -> dict[str, str]:
    proof, target = measured["variants"][about["variant"]], measured["target"]
    steps = ", then ".join(step["op"] for step in about["preprocessing"])
    second = f", and {target['second_runtime']}" if target.get("second_runtime") else ""
    checked = f"run in {measured['runtime']}{second}" if target["checked"] == "run" else "checked statically, not run"
    facts = {
        "variant": about["variant"],
        "target": f"{target['profile']}: {checked}",
        "size": f"{proof['size']} bytes, {proof['size_gzip']} compressed; {described} with its description inside",
        "budget": _limits(measured["budget"], about["variant"]),
        "weights before conversion": str(about["parameters"]),
        "learned from": about["source"] or "not said",
        "preprocessing": f"{steps} (figures in manifest.json)" if steps else "none",
    }
    return facts | ({"sampling rate": f"{about['rate_hz']:g} Hz"} if about["rate_hz"] else {})


def _limits(budget: dict[str, Any], variant: str) -> str:
    limits = {name: limit.get(variant) if isinstance(limit, dict) else limit for name, limit in budget.items()}
    return ", ".join(f"{name} {limit:g}" for name, limit in limits.items() if limit is not None) or "none"


def _table(measured: dict[str, Any], classes: bool) -> list[str]:
    score, last = ("accuracy", "agreement") if classes else ("R²", "largest difference")
    figure = "agreement" if classes else "max_abs_diff"
    order = [*measured["order"], *(name for name in sorted(measured["variants"]) if name not in measured["order"])]
    lines = (_line(name, measured["variants"][name], figure) for name in order if name in measured["variants"])
    return [f"| variant | status | bytes | {score} | drop | {last} |", "|---|---|---|---|---|---|", *lines]


def _line(variant: str, figures: dict[str, Any], last: str) -> str:
    if "accuracy" not in figures:
        return f"| {variant} | {figures['status']}: {'; '.join(figures['reasons'])} | | | | |"
    cells = [
        variant,
        figures["status"],
        str(figures["size"]),
        f"{figures['accuracy']:.4f}",
        f"{figures['accuracy_drop']:+.4f}",
        f"{figures[last]:.4f}",
    ]
    return f"| {' | '.join(cells)} |"
