"""Kubeflow Pipelines on this machine: its own subprocess runner, without an environment per task."""

from __future__ import annotations

import json
from pathlib import Path

from ..jobs import Job
from ..peers import Peers

SCRIPT = Path(__file__).parents[1] / "scripts" / "kfp_run.py"


def write(folder: Path, jobs: list[Job]) -> None:
    (folder / "jobs.json").write_text(json.dumps(jobs))


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return [peers.python("kfp"), SCRIPT]  # it runs tasks one at a time
