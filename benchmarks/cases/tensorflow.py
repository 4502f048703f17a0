"""What warm workers save: six tasks pay for one import of TensorFlow. One at a time on both sides."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from ..peers import Peers, Unavailable
from ..timing import OURS, Benchmark, Command, Contender, ratio
from ..tools.lighterage import RUN, STEPS, copy_step

SEEDS = range(6)


def _write_workflow(folder: Path) -> None:
    tasks = [f"  fit{seed}: {{uses: ./fit, with: {{seed: {seed}}}}}" for seed in SEEDS]
    lines = ["apiVersion: lighterage/v1", "kind: Workflow", "name: fits", "tasks:", *tasks]
    (folder / "workflow.yaml").write_text("\n".join(lines) + "\n")
    copy_step(folder, "fit")


def _write_script(folder: Path) -> None:
    lines = [f"{sys.executable} {STEPS / 'fit' / 'fit.py'} {seed}" for seed in SEEDS]
    (folder / "fits.sh").write_text("set -e\n" + "\n".join(lines) + "\n")


def _with_tensorflow(command: Command) -> Command:
    if not find_spec("tensorflow"):
        raise Unavailable("TensorFlow is not installed: pip install 'lighterage[tensorflow]'")
    return command


def _ours(peers: Peers) -> Command:
    return _with_tensorflow([*RUN, "1", "--quiet"])


def _cold(peers: Peers) -> Command:
    return _with_tensorflow(["sh", "fits.sh"])


BENCHMARK = Benchmark(
    "tensorflow",
    "fit six tiny TensorFlow models",
    (Contender(OURS, _ours, _write_workflow), Contender("cold processes", _cold, _write_script)),
    (ratio(OURS, "cold processes", 1 / 3),),
    most_rounds=3,
)
