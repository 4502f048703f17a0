"""`python -m tests.faults [--only F1,F4] [--seed N] [--rounds N] [--short]`: one table; exit code 0 if all of ours are 0."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import all_faults
from .fault import Fault, Result

HEAD = ("id", "fault", "rounds", "ours", "naive", "seconds", "seed")


def main() -> int:
    chosen = _arguments()
    seed = chosen.seed if chosen.seed is not None else random.randrange(10**6)
    print(f"seed {seed}; to repeat a line: python -m tests.faults --only ID --seed {seed}\n", flush=True)
    bad = 0
    for line in _lines(chosen, seed):
        print(line, flush=True)
        bad += line.startswith("  violation")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="such as F1,F6; F6 means F6a, F6b and so on")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int, help="instead of what each fault has")
    parser.add_argument("--short", action="store_true", help="as many rounds as every test run does")
    return parser.parse_args()


def _lines(chosen: argparse.Namespace, seed: int) -> Iterator[str]:
    wanted = set(filter(None, chosen.only.split(",")))
    yield _row(HEAD)
    yield _row(["---"] * len(HEAD))
    for fault in all_faults():
        if wanted and not wanted & {fault.id, fault.id.rstrip("abcdefg")}:
            continue
        yield from _told(fault, seed, chosen.rounds or (fault.short if chosen.short else fault.long))


def _told(fault: Fault, seed: int, rounds: int) -> Iterator[str]:
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as place:
            result = fault.run(seed, rounds, Path(place))
    except pytest.skip.Exception as reason:
        yield _row((fault.id, fault.what, f"skipped: {reason}", "", "", "", ""))
        return
    seconds = round(time.monotonic() - begun)
    what = f"{fault.what} ({result.note})" if result.note else fault.what
    yield _row((fault.id, what, result.rounds, len(result.violations), _naive(result), seconds, seed))
    for violation in result.violations:
        yield f"  violation of {fault.id}, {violation}"


def _naive(result: Result) -> str:
    return "" if result.control is None else f"{result.control} of {result.of}"


def _row(cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main())
