"""A chain of tasks to a manifest; and whether a task costs the same in a long chain as in a short one."""

from __future__ import annotations

import sys
from functools import partial
from math import nan
from pathlib import Path

from ..jobs import chain
from ..peers import Peers
from ..timing import OURS, Benchmark, Bound, Command, Contender, ratio
from ..tools import lighterage

SCRIPTS = Path(__file__).parents[1] / "scripts"
LENGTHS = (10, 100, 1000)
COMPILE: Command = [lighterage.PROGRAM, "compile", "workflow.yaml", "-e", "onprem", "-o", "out"]


def _script(peers: Peers, peer: str, length: int) -> Command:
    return [peers.python(peer), SCRIPTS / f"{peer}_compile.py", str(length)]


def _contenders(length: int) -> list[Contender]:
    return [
        Contender(f"{OURS} {length}", lambda peers: COMPILE, partial(lighterage.write, jobs=chain(length))),
        Contender(f"hera {length}", partial(_script, peer="hera", length=length)),
        Contender(f"kfp {length}", partial(_script, peer="kfp", length=length)),
    ]


TIMES = 20
SHORT, MIDDLE, LONG = (f"{length}, {TIMES} times" for length in LENGTHS)


def _repeated(length: int) -> Contender:
    command: Command = [sys.executable, SCRIPTS / "compile_repeatedly.py", str(TIMES)]
    return Contender(f"{length}, {TIMES} times", lambda peers: command, partial(lighterage.write, jobs=chain(length)))


def _growth(seconds: dict[str, float]) -> float:
    """A task's cost between 100 and 1,000 tasks over that between 10 and 100; start-up falls out."""
    late = (seconds[LONG] - seconds[MIDDLE]) / (LENGTHS[2] - LENGTHS[1])
    early = (seconds[MIDDLE] - seconds[SHORT]) / (LENGTHS[1] - LENGTHS[0])
    return late / early if early > 0 and late > 0 else nan  # a machine too busy to tell


BENCHMARK = Benchmark(
    "compile",
    "compile a chain of 10, 100 and 1,000 tasks",
    (*(one for length in LENGTHS for one in _contenders(length)), *map(_repeated, LENGTHS)),
    (
        ratio(f"{OURS} 1000", "hera 1000", 0.75),
        ratio(f"{OURS} 1000", "kfp 1000", 0.25),
        Bound("time per task, 100 to 1,000 / 10 to 100", 1.3, _growth, (SHORT, MIDDLE, LONG), of_least=True),
    ),
)
