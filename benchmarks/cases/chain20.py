"""What a task costs beside the work in it, one after another."""

from __future__ import annotations

from ..jobs import chain
from ..timing import OURS, Benchmark, ratio
from .running import contenders

BENCHMARK = Benchmark(
    "chain20",
    "run a chain of 20 trivial tasks, nothing cached",
    contenders(chain(20), at_once=1),
    (ratio(OURS, "make", 2.0), ratio(OURS, "kfp", 0.16), ratio(OURS, "dvc", 0.16)),
)
