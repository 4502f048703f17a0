"""Prefect with the temporary server that it starts by itself."""

from __future__ import annotations

import json
from pathlib import Path

from ..jobs import Job
from ..peers import Peers

SCRIPT = Path(__file__).parents[1] / "scripts" / "prefect_run.py"


def write(folder: Path, jobs: list[Job]) -> None:
    (folder / "jobs.json").write_text(json.dumps(jobs))


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return [peers.python("prefect"), SCRIPT, str(at_once)]
