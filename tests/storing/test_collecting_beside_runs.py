"""`cache gc` in a loop beside four runs that share a store full of old things; and a control that loses some."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lighterage.storing import open_store

from ..conftest import Project
from .test_collecting import age_folder

ROUNDS = 4
MAKE = """
def make(seed, rows):
    rows.path.mkdir()
    for number in range(60):
        (rows.path / f"{number}.txt").write_text(f"{seed} {number}")
"""
COUNT = """
def count(rows, total):
    total.path.write_text(str(sum(int(file.read_text().split()[1]) for file in rows.path.iterdir())))
"""
FLOW = """
    rows: {uses: ./make, with: {seed: "${matrix.seed}"}, matrix: {seed: [1, 2, 3]}}
    uncached: {uses: ./make, with: {seed: 4}, cache: false}
    count: {uses: ./count, with: {rows: "${uncached.rows}"}}
    """
COLLECT = """
import sys
from lighterage.storing import open_store
from lighterage.storing.collecting import Rules, collect
store = open_store(sys.argv[1], create=False)
freed = 0
while True:
    freed += collect(store, Rules()).objects
    print(freed, flush=True)
"""
NAIVE = """
import sys
from lighterage.storing import open_store
from lighterage.storing.backend import object_key
from lighterage.storing.referring import Documents, files_of, with_their_files
store = open_store(sys.argv[1], create=False)
freed = 0
while True:
    there = list(store.backend.list("objects"))
    named = with_their_files(Documents(store.backend).look("actions", "runs"), files_of(store), 1)
    named = {object_key(digest) for digest in named}
    for key in there:
        if key not in named:
            store.backend.remove(key)
            freed += 1
    print(freed, flush=True)
"""


@contextmanager
def collecting(project: Project, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that cleans up for as long as the runs take."""
    command = [sys.executable, "-c", script, str(project.folder / ".lighterage")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            assert process.stdout is not None
            assert process.stdout.readline() and process.poll() is None, "it was at work all the time"
        finally:
            process.kill()


def rounds_lost(project: Project, script: str) -> int:
    """In how many rounds a run failed, or is not whole afterwards. Each begins with what runs have left long ago: their
    results and objects, or only objects, which the new runs make again."""
    project.step("make", MAKE, "{seed: {type: integer}}", "{rows: {type: folder}}")
    project.step("count", COUNT, "{rows: {type: folder}}", "{total: {type: file}}")
    flow = project.workflow(FLOW)
    project.run(flow)
    store = project.folder / ".lighterage"
    lost = 0
    for number in range(ROUNDS):
        shutil.rmtree(store / "runs")
        shutil.rmtree(store / "pins", ignore_errors=True)
        if number % 2:
            shutil.rmtree(store / "actions")
        age_folder(store, 2)
        running = [project.start("run", flow, "--jobs", "2", "-o", "json") for _ in range(4)]
        with collecting(project, script):
            ended = [process.communicate(timeout=240) for process in running]
        failed = [err for process, (_, err) in zip(running, ended, strict=True) if process.returncode]
        verdict = json.loads(project.call("cache", "verify", "-o", "json", code=None).stdout)
        lost += bool(failed or verdict["missing"] or verdict["damaged"])
    return lost


def test_nothing_is_lost_beside_four_runs(project: Project) -> None:
    assert rounds_lost(project, COLLECT) == 0
    runs = open_store(str(project.folder / ".lighterage"), create=False).runs()
    assert [run.status for run in runs] == ["succeeded"] * 4


@pytest.mark.faults
def test_who_removes_at_once_what_nothing_refers_to_loses_something(project: Project) -> None:
    """The control: the same rounds, and a collection without grace and pins."""
    assert rounds_lost(project, NAIVE) > 0
