"""``python -m benchmarks.edge [--seeds N] [--no-mistakes] [--place DIR] [--json FILE]``"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import mistakes
from .gates import Row, rows
from .measuring import DATA_SETS, Case, imports, measured

VERDICTS = {True: "met", False: "missed", None: "not measured"}


def main() -> None:
    """Prints the table. Figures decide nothing: the exit code is 0 either way."""
    asked = _arguments()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-edge-") as fresh:
        cases = list(_cases(range(asked.seeds), asked.place.absolute() if asked.place else Path(fresh)))
        whole = asked.seeds * len(DATA_SETS)
        found = [Row("data sets and seeds measured", f"{len(cases)} of {whole}", "all", len(cases) == whole)]
        found += rows(cases, imports())
    if asked.mistakes:
        print("the mistakes that must be stopped", file=sys.stderr)
        found += mistakes.rows()
    print(f"{_machine()}; {asked.seeds} seeds, {time.monotonic() - started:.0f} s\n")
    print("\n".join(_case_line(case) for case in cases), end="\n\n")
    print(table(found))
    if asked.json:
        told = {"machine": _machine(), "gates": [row._asdict() for row in found]}
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


def table(found: list[Row]) -> str:
    """As Markdown, which reads as text too."""
    lines = [("gate", "worst measured", "accept", ""), ("---",) * 4]
    lines += [(row.gate, row.worst, row.accept, VERDICTS[row.met]) for row in found]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cases(seeds: range, place: Path) -> list[Case]:
    """Those that could be measured; of the others, standard error says why."""
    cases = []
    for data in DATA_SETS:
        for seed in seeds:
            print(f"{data.name}, seed {seed}", file=sys.stderr)
            try:
                cases.append(measured(data, seed, place))
            except subprocess.CalledProcessError as error:
                print(f"{data.name}, seed {seed}: {error}", file=sys.stderr)
    return cases


def _case_line(case: Case) -> str:
    report = case.reports["report"]
    source, int8 = report["source"], case.variant("int8")
    return (
        f"{case.name}: {source['parameters']} parameters, {report['rows']} test rows, accuracy {source['accuracy']:.4f}, "
        f"int8 {int8.get('accuracy', float('nan')):.4f} (lost {int8.get('lost')}, gained {int8.get('gained')}); one call: "
        f"tf.function {case.calls['tf_function']:.0f} us, LiteRT {case.calls['litert']:.0f} us"
    )


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.edge", description="Holds the variants of two models against what they must be."
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="of each data set, 0 to N - 1 (3)")
    parser.add_argument("--no-mistakes", dest="mistakes", action="store_false", help="leave the negative tests out")
    parser.add_argument("--place", type=Path, metavar="DIR", help="keep models there, and take those that are there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
