"""F8: clocks that jump, zones that change, dates that say nothing."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from ..conftest import Project
from .fault import Fault, Result

SHIFTS = ("+1d", "-1d", "+400d", "-400d")
ZONES = ("Pacific/Kiritimati", "America/Adak", "Asia/Kathmandu", "UTC")


def shift(seed: int, rounds: int, folder: Path) -> Result:
    """In turn: another time of day (where faketime is there), another zone, touched and edited files with old dates."""
    project, chance, result = Project(folder), random.Random(seed), Result()
    project.step(
        "count",
        "def count(source):\n    return int(open(source).read())",
        "{source: {type: string, external: true}}",
        "{number: {type: integer}}",
    )
    flow = project.workflow("a: {uses: ./count, with: {source: data}}")
    data = folder / "data"
    data.write_text("1000")
    project.run(flow)
    faketime = shutil.which("faketime")
    with pytest.MonkeyPatch.context() as patch:
        for number in range(rounds):
            with result.round(f"round {number}"):
                patch.setenv("TZ", ZONES[number % len(ZONES)])
                _is_answered(project, flow, SHIFTS[number % len(SHIFTS)] if faketime else None)
            with result.round(f"round {number}, an edit"):
                before = data.stat()
                data.write_text(new := str(chance.randrange(1000, 10_000)))
                os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
                told = project.run(flow)["by"]["a"]
                assert told["outputs"] == {"number": int(new)}, f"{told['outputs']} for {new}"
                assert told["seconds"] >= 0, "it took less than no time"
            after = data.stat()
            result.naive((after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns))
            os.utime(data, (chance.randrange(2**31), chance.randrange(2**31)))
    result.note = "with faketime" if faketime else "zones and dates of files; faketime is not installed"
    return result


def _is_answered(project: Project, flow: str, shifted: str | None) -> None:
    """From the cache, whatever the time."""
    if shifted is None:
        told = project.run(flow)
    else:
        told = _at_another_time(project, flow, shifted)
    [task] = told["tasks"]
    assert task["cached"] and task.get("seconds", 0) >= 0, task


def _at_another_time(project: Project, flow: str, shifted: str) -> dict:
    import json
    import subprocess
    import sys

    command = ["faketime", "-f", shifted, sys.executable, "-m", "lighterage", "run", flow, "-o", "json"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-300:]
    told: dict = json.loads(done.stdout)
    return told


FAULTS = [Fault("F8", "clocks and zones that change, edits that keep size and date", shift, 12, 2)]
