"""How long a model takes on this machine, and what it adds to the process. Runs in a child process."""

from __future__ import annotations

import gc
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.edge.runtime import Runtime

from .targets import Profile

CALLS = 1000
"""timed calls, unless SECONDS are over before"""
FEWEST = 40
SECONDS = 2.0
BLOCK = 20
"""calls of the model, then as many of the reference, and so on: what else the machine does meets both"""
LOADS = 5
NOISE_US = 5.0
"""below it the timer and the call through Python are much of what is measured"""


def timed(content: bytes, reference: bytes, rows: np.ndarray, profile: Profile, threads: int) -> dict[str, Any]:
    """Milliseconds to load, microseconds of a call with one row, memory it adds in units of 1024 bytes, ratio to the reference."""
    gc.disable()
    other = _loaded(reference, rows, profile, threads)  # first: the runtime's own start is not the model's
    before = _resident()
    ours = _loaded(content, rows, profile, threads)
    after = _resident()
    loads = [_seconds(lambda: Runtime(content, threads=threads, kernels=profile.kernels)) for _ in range(LOADS)]
    calls, theirs = _side_by_side(ours, other, rows)
    median = float(np.median(calls))
    figures = {
        "load_ms": float(np.median(loads)) * 1e3,
        "median_us": median * 1e6,
        "p95_us": float(np.percentile(calls, 95)) * 1e6,
        "latency_ratio": median / float(np.median(theirs)),
        "calls": len(calls),
        "kernels": ours.kernels,
        "noise": median * 1e6 < NOISE_US,
    }
    return figures if before is None or after is None else figures | {"memory_kb": max(0, after - before) / 1024}


def machine() -> str:
    """What the times are of."""
    return f"{_processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}"


def _loaded(content: bytes, rows: np.ndarray, profile: Profile, threads: int) -> Runtime:
    runtime = Runtime(content, threads=threads, kernels=profile.kernels)
    runtime.outputs(rows)  # warm-up; the first call also takes memory
    return runtime


def _side_by_side(ours: Runtime, other: Runtime, rows: np.ndarray) -> tuple[list[float], list[float]]:
    """Seconds of each call of both, in turns. Putting values in and taking them out is not in it."""
    times: tuple[list[float], list[float]] = ([], [])
    until = time.perf_counter() + SECONDS
    while len(times[0]) < CALLS and (len(times[0]) < FEWEST or time.perf_counter() < until):
        for runtime, seconds in zip((ours, other), times, strict=True):
            runtime.feed(rows[len(seconds) // BLOCK % len(rows)])
            seconds += [_seconds(runtime.run) for _ in range(BLOCK)]
    return times


def _seconds(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _resident() -> int | None:
    """Bytes of memory of this process; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
