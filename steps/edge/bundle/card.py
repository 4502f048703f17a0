"""The model card: what a person should know before using the model."""

from __future__ import annotations

from typing import Any

LIMITS = """\
## Limits

The figures hold for the rows they were measured on. Speed, memory and accuracy on a device were not measured.
Run the golden inputs on the device before you trust it there.
"""


def model_card(name: str, about: dict[str, Any], measured: dict[str, Any]) -> str:
    """Markdown, made of what was measured and nothing else."""
    shape = " x ".join(map(str, about["input"]["shape"]))
    answer = f"one of {', '.join(about['classes'])}" if about["classes"] else f"a number, {about['label']}"
    facts = [f"| {fact} | {said} |" for fact, said in _facts(about, measured).items()]
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
            f"On {measured['rows']} rows, beside the Keras model on the same rows.",
            f"Runtime: {measured['runtime']}, kernels: {measured['kernels']}.",
            "",
            *_table(measured, bool(about["classes"])),
            "",
            LIMITS,
        ]
    )


def _facts(about: dict[str, Any], measured: dict[str, Any]) -> dict[str, str]:
    proof = measured["variants"][about["variant"]]
    steps = ", then ".join(step["op"] for step in about["preprocessing"])
    facts = {
        "variant": about["variant"],
        "size": f"{proof['size']} bytes, {proof['size_gzip']} compressed",
        "weights before conversion": str(about["parameters"]),
        "learned from": about["source"] or "not said",
        "preprocessing": f"{steps} (figures in manifest.json)" if steps else "none",
    }
    return facts | ({"sampling rate": f"{about['rate_hz']:g} Hz"} if about["rate_hz"] else {})


def _table(measured: dict[str, Any], classes: bool) -> list[str]:
    score, last = ("accuracy", "agreement") if classes else ("R²", "largest difference")
    figure = "agreement" if classes else "max_abs_diff"
    lines = (_line(name, measured["variants"][name], figure) for name in measured["preference"])
    return [f"| variant | status | bytes | {score} | drop | {last} |", "|---|---|---|---|---|---|", *lines]


def _line(variant: str, figures: dict[str, Any], last: str) -> str:
    if "size" not in figures:
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
