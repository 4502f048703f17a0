"""F4: eight runs at one time on one store."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..conftest import Project
from ..storing.test_faults import leftovers, torn
from .fault import Fault, Result

MANY = 8
DRAW = """\
    import os
    def draw(marks, seed, before, page):
        with open(marks, "a") as file:
            file.write("x")
        page.path.write_bytes(os.urandom(30_000))
        return {"token": os.urandom(8).hex()}
    """
PORTS = (
    "{marks: {type: string}, seed: {type: integer}, before: {type: file, optional: true}}",
    "{page: {type: file}, token: {type: string}}",
)
"""What it gives is another every time: whoever does not use the winner's is found out."""


def race(seed: int, rounds: int, folder: Path) -> Result:
    """In even rounds all eight are the same workflow, in odd ones four and four that share their first tasks."""
    project, chance, result = Project(folder), random.Random(seed), Result()
    marks = folder / "marks"
    project.step("draw", DRAW, *PORTS)
    given = f"marks: {marks}, seed"
    flow = project.workflow(
        f"a: {{uses: ./draw, with: {{{given}: 1}}}}\n"
        f'b: {{uses: ./draw, with: {{{given}: 2, before: "${{a.page}}"}}}}\n'
        f'c: {{uses: ./draw, with: {{{given}: "${{parameters.n}}", before: "${{a.page}}"}}}}',
        head="parameters: {n: 0}\n",
    )
    executed = 0
    for number in range(rounds):
        other = chance.randrange(10, 1000)  # c with 2 would be b's work, and one result for both
        numbers = [0 if number % 2 == 0 or racer % 2 else other for racer in range(MANY)]
        marks.write_text("")
        with result.round(f"round {number}"):
            _race(project, flow, f"store-{number}", numbers)
        executed += len(marks.read_text())
    result.note = f"{executed} tasks executed"
    for number in range(rounds):
        result.naive(_naive_is_wrong(folder / f"naive-{number}"))
    return result


def _race(project: Project, flow: str, name: str, given: list[int]) -> None:
    store = project.folder / name
    runs = [project.start("run", flow, "--store", name, "-p", f"n={n}", "-o", "json") for n in given]
    said = [run.communicate(timeout=180) for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), [err for _, err in said if err][:1]
    told = [json.loads(out) for out, _ in said]
    assert not torn(store) and not leftovers(store), "torn or left over"
    for task in "ab":
        _agree([_outputs(one, task) for one in told], task)
    for n in set(given):
        _agree([_outputs(one, "c") for one, its in zip(told, given, strict=True) if its == n], f"c with {n}")
    published = list((store / "actions").rglob("*.json"))
    assert len(published) == 2 + len(set(given)), f"{len(published)} results"
    again = project.run(flow, "--store", name, "-p", f"n={given[0]}")
    assert all(one["cached"] for one in again["tasks"]), "not all is in the cache afterwards"
    assert [_outputs(again, task) for task in "abc"] == [_outputs(told[0], task) for task in "abc"], "another result"


def _outputs(told: dict[str, Any], task: str) -> str:
    found = next(one["outputs"] for one in told["tasks"] if one["task"] == task)
    return f"{found['token']} {found['page']['digest']}"


def _agree(found: list[str], what: str) -> None:
    assert len(set(found)) == 1, f"{len(set(found))} results of {what} are in use at one time"


NAIVE = """
import os, sys, time
from pathlib import Path
place = Path(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
if not place.exists():
    token = os.urandom(8).hex()
    time.sleep(0.05)
    place.write_text(token)
else:
    token = place.read_text()
print(token)
"""
"""Looks, works, writes."""


def _naive_is_wrong(place: Path) -> bool:
    command = [sys.executable, "-c", NAIVE, str(place), str(time.time() + 0.4)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(MANY)]
    return len({racer.communicate(timeout=60)[0] for racer in racers}) > 1


FAULTS = [Fault("F4", "eight runs at one time on one store, the same and different", race, 50, 2)]
