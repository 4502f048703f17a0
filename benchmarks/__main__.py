"""``python -m benchmarks [--only NAME] [--rounds N] [--all] [--peers DIR] [--json FILE]``"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

from .peers import Peers
from .report import as_json, table
from .timing import Benchmark, Times, measure

NAMES = ("help", "validate", "compile", "scale", "chain20", "fanout50", "cached", "tensorflow", "publish", "bucket_large", "bucket_small")
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Prints each benchmark's table as it is done. Figures decide nothing: the exit code is 0 either way."""
    asked = _arguments()
    peers = Peers(asked.peers.absolute())
    measured: list[tuple[Benchmark, Times]] = []
    for name in asked.only or NAMES:
        benchmark = import_module(f".cases.{name}", __package__).BENCHMARK
        times = measure(benchmark, peers, asked.rounds, slow=asked.all)
        print(table(benchmark, times), end="\n\n", flush=True)
        measured.append((benchmark, times))
    if asked.json:
        asked.json.write_text(json.dumps(as_json(measured), indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="The project beside its peers, timed in turns."
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="one benchmark; may be repeated")
    parser.add_argument("--rounds", type=_count, default=7, metavar="N", help="times each contender runs (7)")
    parser.add_argument("--all", action="store_true", help="also peers that take ten seconds or more a round")
    parser.add_argument(
        "--peers",
        type=Path,
        default=ROOT / ".bench",
        metavar="DIR",
        help="the peers' environments, made when missing (.bench)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as well")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round")
    return number


if __name__ == "__main__":
    main()
