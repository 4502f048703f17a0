"""Ours: tasks of one Python step, every one with digests and a record."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from ..jobs import Job, value_of_last
from ..peers import Peers
from ..timing import run

PROGRAM = Path(sys.executable).with_name("lighterage")
STEPS = Path(__file__).parents[1] / "steps"
RUN = (PROGRAM, "run", "workflow.yaml", "--store", "store", "--jobs")


def write(folder: Path, jobs: list[Job]) -> None:
    tasks = [
        f"  {job.name}: {{uses: ./add, with: {{value: {f'${{{job.source}.sum}}' if job.source else 0!r}}}}}"
        for job in jobs
    ]
    lines = [
        "apiVersion: lighterage/v1",
        "kind: Workflow",
        "name: jobs",
        "tasks:",
        *tasks,
        f"outputs: {{last: '${{{jobs[-1].name}.sum}}'}}",
    ]
    (folder / "workflow.yaml").write_text("\n".join(lines) + "\n")
    copy_step(folder, "add")


def copy_step(folder: Path, name: str) -> None:
    """A step's folder beside the workflow, as a user would have it."""
    shutil.copytree(STEPS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return [*RUN, str(at_once), "--quiet"]


def check(folder: Path, jobs: list[Job]) -> None:
    """Reads the run's outputs by running it again, all from the cache."""
    found = json.loads(run([*RUN, "1", "-o", "json"], folder).stdout)
    assert found["outputs"]["last"] == value_of_last(jobs), f"the last task made {found['outputs']['last']}"
    assert all(task["cached"] for task in found["tasks"]), "a task ran again"
