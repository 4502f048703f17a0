"""Contenders take turns, A B A B …, so that a busy minute on the machine hits all of them alike."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from .peers import Peers, Unavailable

Command = Sequence[str | Path]

OURS = "lighterage"
TIME_LIMIT = 600  # seconds for one command; nothing here takes a tenth of it unless it hangs


@dataclass(frozen=True)
class Contender:
    """One way to do the job: a command that runs in a fresh folder."""

    name: str
    command: Callable[[Peers], Command]
    """asked for once, before anything is timed; raises Unavailable where the peer cannot be installed"""
    prepare: Callable[[Path], None] = lambda folder: None
    """fills the fresh folder; not timed"""
    check: Callable[[Path], None] = lambda folder: None
    """raises AssertionError when the result is wrong; called after the warm-up, not timed"""
    slow: bool = False
    """takes part with ``--all`` only"""
    tells: bool = False
    """its time is the number that it prints: what a process pays that has begun"""


@dataclass(frozen=True)
class Bound:
    """A figure made of one round's times (contender -> seconds), and the most it may be."""

    label: str
    most: float
    figure: Callable[[dict[str, float]], float]
    needs: tuple[str, ...]
    """contenders whose times it is made of"""
    of_least: bool = False
    """made once, of each contender's least time: differences drown in the noise of single rounds"""


@dataclass(frozen=True)
class Benchmark:
    """Contenders for one job, and the bounds their times are held against."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    bounds: tuple[Bound, ...]
    most_rounds: int = 100


@dataclass
class Times:
    """What was measured: per contender its seconds, one a round; those that failed, with the reason."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def figures(self, bound: Bound) -> list[float]:
        """The bound's figure in each round; empty when a contender it needs is absent."""
        if not all(name in self.seconds for name in bound.needs):
            return []
        if bound.of_least:
            return [bound.figure({name: min(self.seconds[name]) for name in bound.needs})]
        rounds = zip(*(self.seconds[name] for name in bound.needs), strict=True)
        return [bound.figure(dict(zip(bound.needs, one, strict=True))) for one in rounds]


def ratio(ours: str, peer: str, most: float) -> Bound:
    """Our time over a peer's in the same round."""
    return Bound(f"{ours} / {peer}", most, lambda seconds: seconds[ours] / seconds[peer], (ours, peer))


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and greatest."""
    return median(values), min(values), max(values)


def measure(benchmark: Benchmark, peers: Peers, rounds: int, slow: bool = False) -> Times:
    """Times every contender, after one round that is not counted: one that fails in it is dropped.

    Every folder stays until the end: for five seconds after a deletion ext4 looks longer for a free inode, which would
    make whoever comes next slower, and whoever writes most files slowest.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as place:
        return _measure(benchmark, peers, rounds, slow, Path(place))


def _measure(benchmark: Benchmark, peers: Peers, rounds: int, slow: bool, place: Path) -> Times:
    times = Times()
    racing: list[tuple[Contender, Command]] = []
    for contender in benchmark.contenders:
        if contender.slow and not slow:
            continue
        try:
            command = contender.command(peers)
            _time(contender, command, place, check=True)
            racing.append((contender, command))
        except (Unavailable, subprocess.SubprocessError, AssertionError, OSError) as error:
            times.failed[contender.name] = _reason(error)
    for _ in range(min(rounds, benchmark.most_rounds)):
        for contender, command in racing:
            times.seconds.setdefault(contender.name, []).append(_time(contender, command, place))
    return times


def run(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder, quietly. Raises CalledProcessError when it fails."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=_environment(folder),
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIME_LIMIT,
    )


def _time(contender: Contender, command: Command, place: Path, check: bool = False) -> float:
    folder = Path(tempfile.mkdtemp(dir=place))
    contender.prepare(folder)
    start = time.perf_counter()
    done = run(command, folder)
    seconds = float(done.stdout) if contender.tells else time.perf_counter() - start
    if check:
        contender.check(folder)
    return seconds


def _environment(folder: Path) -> dict[str, str]:
    """The caller's, less what changes how Python starts; no tool reports home or keeps state."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return inherited | {
        "CUDA_VISIBLE_DEVICES": "",
        "DO_NOT_TRACK": "1",
        "DVC_NO_ANALYTICS": "1",
        "METAFLOW_USER": "bench",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or getattr(error, "stdout", None) or str(error)
    lines = [line for line in str(said).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(error).__name__
