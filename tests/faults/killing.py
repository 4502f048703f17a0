"""F1: `kill -9` of a run at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..conftest import Project
from ..storing.test_faults import leftovers, torn
from ..targets.local.test_faults import _diamond as diamond
from ..targets.local.test_faults import _gone as gone
from ..targets.local.test_faults import _working_in as working_in
from .fault import Fault, Result

RUNNING = 4
"""tasks that may be at work, or done and not yet on record, when the run is killed"""


def _digests(told: dict[str, Any]) -> dict[str, str]:
    return {name: one["outputs"]["page"]["digest"] for name, one in told["by"].items()}


def kill_the_run(seed: int, rounds: int, folder: Path) -> Result:
    """Twelve tasks; killed after a time that is uniform over the run's; then the same command again."""
    project, chance, result = Project(folder), random.Random(seed), Result()
    marks = folder / "marks"
    flow = diamond(project, marks)
    begun = time.monotonic()
    undisturbed = _digests(project.run(flow, "--store", "calm"))
    span, repeated = time.monotonic() - begun, 0
    for number in range(rounds):
        with result.round(f"kill {number}"):
            repeated += _killed_and_resumed(project, flow, f"store-{number}", chance.uniform(0, span), undisturbed)
    result.note = f"{repeated} tasks were cut and ran again"
    for number in range(rounds // 4 + 2):
        result.naive(_naive_is_wrong(folder / f"naive-{number}", chance))
    return result


def _killed_and_resumed(project: Project, flow: str, name: str, after: float, good: dict[str, str]) -> int:
    marks, store = project.folder / "marks", project.folder / name
    marks.write_text("")
    process = project.start("run", flow, "--store", name, "--quiet")
    time.sleep(after)
    process.kill()
    process.communicate()
    assert not torn(store), "a torn object is visible"
    done = {file.name.partition(".")[0] for file in store.glob("runs/*/tasks/*.json")}
    before = marks.read_text().split()
    told = project.run(flow, "--store", name)
    assert _digests(told) == good, "other artifacts than without the kill"
    again = set(before) & set(marks.read_text().split()[len(before) :])
    assert not done & again, f"{done & again} were done and ran again"
    assert len(again) <= RUNNING, f"{again} ran again"
    assert not torn(store) and not leftovers(store), "torn or left over after the second run"
    assert gone(working_in(project.folder)), "a process of the killed run is left"
    return len(again)


NAIVE = """
import sys, time
from pathlib import Path
for number in range(12):
    place = Path(sys.argv[1]) / f"page-{number}"
    if place.exists():
        continue
    with place.open("w", buffering=1) as file:
        for line in range(5):
            file.write(f"line {line}\\n")
            time.sleep(0.004)
"""
"""Twelve steps that write to their final names; what is there counts as done, as it does for make."""


def _naive_is_wrong(folder: Path, chance: random.Random) -> bool:
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", NAIVE, str(folder)]) as process:
        time.sleep(chance.uniform(0.05, 0.35))
        process.kill()
    subprocess.run([sys.executable, "-c", NAIVE, str(folder)], check=True)
    return len({place.read_text() for place in folder.iterdir()}) > 1


FAULTS = [Fault("F1", "`kill -9` of a run of 12 tasks, then the same command again", kill_the_run, 200, 4)]
