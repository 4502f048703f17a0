"""The model card of a chain: how its stages are joined, and what was measured from end to end."""

from __future__ import annotations

import json
from typing import Any

from lighterage.edge.joined import Joined

LIMITS = """\
## Limits

The figures hold for the rows they were measured on. Each stage's own card is in its bundle. {checked}
Run the golden inputs on the device before you trust it there.
"""
CHECKED = {
    "run": "Each stage was run in a runtime of the target `{profile}`, on the machine that made it, and not on a device.",
    "static": "For the target `{profile}` at least one stage was checked by rules alone, and not run.",
}


def model_card(
    name: str, joined: Joined, stages: list[dict[str, Any]], measured: dict[str, Any], target: dict[str, str]
) -> str:
    """Markdown, made of what was measured and nothing else."""
    shape = " x ".join(map(str, joined.shape))
    labels = joined.labels()
    answer = f"one of {', '.join(labels)}" if labels else "a quantity"
    lines = (
        f"| {entry['name']} | {joined.bundles[entry['name']].name} | {_wiring(entry)} "
        f"| {measured['ran'][entry['name']]} | {measured['answered'][entry['name']]} |"
        for entry in stages
    )
    right = [f"Right for {measured['accuracy']:.4f} of them."] if "accuracy" in measured else []
    return "\n".join(
        [
            f"# {name}",
            "",
            f"A chain of {len(stages)} models. Takes {shape} values ({', '.join(joined.first.features)}) and answers {answer}.",
            "",
            "## What was measured",
            "",
            f"On {measured['rows']} rows. Runtime: {measured['runtime']}, kernels: {measured['kernels']}.",
            *right,
            "",
            "| stage | bundle | fed with | ran | answered |",
            "|---|---|---|---|---|",
            *lines,
            "",
            LIMITS.format(checked=CHECKED[target["checked"]].format(profile=target["profile"])),
        ]
    )


def _wiring(entry: dict[str, Any]) -> str:
    steps = [f"`{json.dumps(one)}`" for one in entry.get("input") or []]
    when = [f"when {entry['when']['stage']} says {' or '.join(entry['when']['classes'])}"] if entry.get("when") else []
    return ", ".join([*(steps or ["the input"]), *when])
