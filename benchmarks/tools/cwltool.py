"""The reference runner of the Common Workflow Language."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..jobs import Job, write_add
from ..peers import Peers


def write(folder: Path, jobs: list[Job]) -> None:
    write_add(folder)
    last = jobs[-1].name
    workflow = {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "inputs": {"code": "File", "start": "File"},
        "outputs": {"last": {"type": "File", "outputSource": f"{last}/made"}},
        "steps": {job.name: _step(job) for job in jobs},
    }
    (folder / "workflow.cwl").write_text(json.dumps(workflow))
    given = {name: {"class": "File", "path": path} for name, path in (("code", "add.py"), ("start", "start"))}
    (folder / "inputs.json").write_text(json.dumps(given))


def _step(job: Job) -> dict[str, Any]:
    tool = {
        "class": "CommandLineTool",
        "baseCommand": [sys.executable, "-I"],
        "inputs": {
            "code": {"type": "File", "inputBinding": {"position": 1}},
            "source": {"type": "File", "inputBinding": {"position": 2}},
        },
        "arguments": [{"position": 3, "valueFrom": job.name}],
        "outputs": {"made": {"type": "File", "outputBinding": {"glob": job.name}}},
    }
    source = f"{job.source}/made" if job.source else "start"
    return {"run": tool, "in": {"code": "code", "source": source}, "out": ["made"]}


def command(peers: Peers, at_once: int) -> list[str | Path]:
    parallel = ["--parallel"] if at_once > 1 else []
    return [peers.program("cwltool"), "--quiet", *parallel, "workflow.cwl", "inputs.json"]
