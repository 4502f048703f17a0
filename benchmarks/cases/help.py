"""How long until the program says something."""

from __future__ import annotations

from ..timing import OURS, Benchmark, Contender, ratio
from ..tools.lighterage import PROGRAM

BENCHMARK = Benchmark(
    "help",
    "print the help",
    (
        Contender(OURS, lambda peers: [PROGRAM, "--help"]),
        Contender("dvc", lambda peers: [peers.program("dvc"), "--help"]),
    ),
    (ratio(OURS, "dvc", 1.0),),
)
