"""Large workflows: what 5,000 tasks cost beside 1,000, and a sweep of 10,000 beside one of 10."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from ..jobs import chain
from ..timing import Benchmark, Command, Contender, ratio
from ..tools import lighterage

COMPILE: Command = [lighterage.PROGRAM, "compile", "workflow.yaml", "-e", "onprem", "-o", "out"]


def _tasks(length: int) -> Contender:
    return Contender(f"{length} tasks", lambda peers: COMPILE, partial(lighterage.write, jobs=chain(length)))


def _sweep(axes: int, values: int) -> Contender:
    """A matrix of as many combinations as ``values`` to the power of ``axes``."""

    def write(folder: Path) -> None:
        lighterage.copy_step(folder, "add")
        matrix = {chr(ord("a") + axis): list(range(values)) for axis in range(axes)}
        task = f"{{uses: ./add, with: {{value: '${{matrix.a}}'}}, matrix: {json.dumps(matrix)}}}"
        text = f"apiVersion: lighterage/v1\nkind: Workflow\nname: jobs\ntasks:\n  t: {task}\n"
        (folder / "workflow.yaml").write_text(text)

    return Contender(f"sweep of {values**axes}", lambda peers: COMPILE, write)


BENCHMARK = Benchmark(
    "scale",
    "compile 1,000 and 5,000 tasks, a sweep of 10 and of 10,000",
    (_tasks(1000), _tasks(5000), _sweep(1, 10), _sweep(4, 10)),
    (ratio("5000 tasks", "1000 tasks", 6), ratio("sweep of 10000", "sweep of 10", 2)),
)
