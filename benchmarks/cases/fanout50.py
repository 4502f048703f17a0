"""What a task costs beside the work in it, two at a time where the tool can."""

from __future__ import annotations

from ..jobs import fan_out
from ..timing import OURS, Benchmark, ratio
from .running import contenders

BENCHMARK = Benchmark(
    "fanout50",
    "run 50 trivial tasks, two at a time, nothing cached",
    contenders(fan_out(50), at_once=2),
    (ratio(OURS, "make", 2.0), ratio(OURS, "kfp", 0.16), ratio(OURS, "dvc", 0.16)),
)
