"""F14 and F15: steps that give something else each time, and edits that a cache must see."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import Project
from ..recording import test_edits_meanwhile as meanwhile
from ..recording.test_thirty_edits import FILES, MISSES, Edit
from .fault import Fault, Result

EDITS = "tests/recording/test_thirty_edits.py"
DRAW = "import os\ndef draw(n):\n    return {'token': os.urandom(8).hex()}"
PASS = "def hand(token):\n    return {'handed': token}"


def draw(seed: int, rounds: int, folder: Path) -> Result:
    """What was drawn stays; what is drawn anew on demand reaches whoever uses it."""
    project, result = Project(folder), Result()
    project.step("draw", DRAW, "{n: {type: integer}}", "{token: {type: string}}")
    project.step("hand", PASS, "{token: {type: string}}", "{handed: {type: string}}")
    flow = project.workflow(
        'draw: {uses: ./draw, with: {n: "${parameters.n}"}}\nhand: {uses: ./hand, with: {token: "${draw.token}"}}',
        head="parameters: {n: 0}\n",
    )
    naive: dict[str, str] = {}
    for number in range(rounds):
        given = ("-p", f"n={number}")
        with result.round(f"round {number}"):
            first, second = _tokens(project, flow, *given), _tokens(project, flow, *given)
            assert first == second and first[0] == first[1], f"{first} became {second}"
            third, fourth = _tokens(project, flow, *given, "--force", "draw"), _tokens(project, flow, *given)
            assert third[0] != first[0], "it was not drawn anew"
            assert third == fourth and third[0] == third[1], f"stale: {third}, then {fourth}"
            handed = naive.setdefault("hand", first[0])  # by the name of the task before it, not by what that gave
            result.naive(handed != third[0])
    return result


def _tokens(project: Project, flow: str, *more: str) -> list[str]:
    by = project.run(flow, *more)["by"]
    return [by["draw"]["outputs"]["token"], by["hand"]["outputs"]["handed"]]


def edit(seed: int, rounds: int, folder: Path) -> Result:
    """The edits of tests/recording/test_thirty_edits.py, each in a copy of a project that has run."""
    root, result = Path(__file__).parents[2], Result()
    if rounds < 30:
        pytest.skip("each is a test of its own: tests/recording/test_thirty_edits.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rf", EDITS]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=1200, check=False)
    counts = {what: int(count) for count, what in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    result.rounds = sum(counts.values())
    result.violations = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not result.violations:
        result.violations = [done.stdout[-500:]]
    for number, (change, _, _) in enumerate(MISSES.values()):
        result.naive(_naive_is_answered(folder / str(number), change))
    return result


def _naive_is_answered(folder: Path, change: Edit) -> bool:
    """The naive way, as make does it: what has its size and its date is what it was."""
    folder.mkdir()
    Project(folder).write(FILES)
    before = _sizes_and_dates(folder)
    change(folder)
    return _sizes_and_dates(folder) == before


def _sizes_and_dates(folder: Path) -> set[tuple[Path, int, int]]:
    """Of the workflow, its steps and its data; who would think of the libraries and of the environment?"""
    files = [
        one
        for place in ("edits.yaml", "data.txt", "mix", "first", "prog", "data")
        for one in [folder / place, *(folder / place).rglob("*")]
        if one.is_file()
    ]
    return {(one, one.stat().st_size, one.stat().st_mtime_ns) for one in files}


def edit_meanwhile(seed: int, rounds: int, folder: Path) -> Result:
    """The edits of tests/recording/test_edits_meanwhile.py, one after the other: what is found later under a key is what
    belongs there."""
    result = Result()
    for number in range(rounds):
        name, (source, change) = list(meanwhile.EDITS.items())[number % len(meanwhile.EDITS)]
        (place := folder / str(number)).mkdir()
        halfway = meanwhile.Halfway(Project(place), source)
        key = _content(place / source)
        with result.round(f"round {number}, {name}"):
            halfway.run(change)
            kept = {key: _content(place / source)}
            halfway.as_before()
            told = halfway.run()["outputs"]["told"]
            assert told == ("old one" if source == "data.txt" else "old one two"), told
            result.naive(kept[key] != key)
    return result


def _content(place: Path) -> str:
    """Of which the naive way makes a key before the task, and which it reads in the task."""
    files = sorted(place.rglob("*.txt")) if place.is_dir() else [place]
    return " ".join(f"{file.name} {file.read_text()}" for file in files if file.exists())


FAULTS = [
    Fault("F14", "a step that gives something else each time, drawn anew on demand", draw, 10, 1),
    Fault("F15", "edits that decide a result are misses, and those that do not are hits", edit, 30, 1),
    Fault("F15b", "data edited between the key and the reading", edit_meanwhile, 28, 2),
]
