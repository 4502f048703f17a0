"""`lighterage reproduce RUN`: the same again, and every output held against what is recorded."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from lighterage.launching.delivery import copied
from lighterage.schemas.plan import PlannedStep
from lighterage.storing import open_store
from tests.conftest import Project

RANDOM = """
import os

def draw(size, drawn):
    drawn.path.write_bytes(os.urandom(size))
"""
LENGTH = """
def length(files):
    return sum(len(file.path.read_bytes()) for file in files)
"""
FOLDER = """
def folder(value, made):
    made.path.mkdir()
    (made.path / "a").write_text(str(value))
"""
READ = """
def read(made):
    return int((made.path / "a").read_text())
"""


@pytest.fixture
def steps(adding: Project) -> Project:
    adding.step("draw", RANDOM, "{size: {type: integer}}", "{drawn: {type: file}}")
    adding.step("length", LENGTH, "{files: {type: list, items: {type: file}}}", "{bytes: {type: integer}}")
    adding.step("folder", FOLDER, "{value: {type: integer}}", "{made: {type: folder}}")
    adding.step("read", READ, "{made: {type: folder}}", "{value: {type: integer}}")
    return adding


def reproduced(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    return json.loads(project.call("reproduce", *arguments, "-o", "json", code=code).stdout)


CHAIN = """
    made: {uses: ./folder, with: {value: 7}}
    read: {uses: ./read, with: {made: "${made.made}"}}
    more: {uses: ./add, with: {value: "${read.value}"}}
    """


def test_a_run_that_comes_out_the_same(steps: Project) -> None:
    run = steps.run(steps.workflow(CHAIN))["run"]
    before = sorted(one.as_posix() for one in (steps.folder / ".lighterage").rglob("*"))
    told = steps.call("reproduce")
    assert f"{run}: 3 of 3 outputs equal" in told.stderr
    assert [line.split() for line in told.stdout.splitlines()[1:]] == [
        ["made", "made", "equal"],
        ["read", "value", "equal"],
        ["more", "result", "equal"],
    ]
    assert sorted(one.as_posix() for one in (steps.folder / ".lighterage").rglob("*")) == before, "it leaves no trace"


def test_what_is_answered_by_the_cache_is_done_again_too(steps: Project) -> None:
    flow = steps.workflow(CHAIN)
    steps.run(flow)
    again = steps.run(flow)
    assert all(one["cached"] for one in again["tasks"])
    assert len(reproduced(steps, again["run"])["outputs"]) == 3


def test_a_step_that_is_not_deterministic_is_named_and_blames_no_other(steps: Project) -> None:
    flow = """
        drawn: {uses: ./draw, with: {size: "${matrix.size}"}, matrix: {size: [3, 4]}}
        bytes: {uses: ./length, with: {files: "${drawn.drawn}"}}
        """
    steps.run(steps.workflow(flow))
    told = reproduced(steps, code=1)
    assert told["not_deterministic"] == ["./draw"] and not told["equal"]
    found = {(one["task"], one["output"]): one for one in told["outputs"]}
    assert [found[f"drawn[{index}]", "drawn"]["equal"] for index in (0, 1)] == [False, False]
    assert found["bytes", "bytes"]["equal"], "it got what it got then"
    shown = steps.call("reproduce", "--task", "drawn", code=1)
    one = found["drawn[0]", "drawn"]
    assert f"{one['then']} then, sha256:" in shown.stdout and "bytes" not in shown.stdout
    assert "./draw is not deterministic" in shown.stderr


def test_what_is_measured_may_differ_and_must_be_there(steps: Project) -> None:
    steps.step("draw", RANDOM, "{size: {type: integer}}", "{drawn: {type: file, measured: true}}")
    steps.run(steps.workflow("drawn: {uses: ./draw, with: {size: 8}}"), "--verify-determinism")
    told = steps.call("reproduce")
    assert told.stdout.splitlines()[1].split() == ["drawn", "drawn", "measured"]
    assert "0 of 0 outputs equal" in told.stderr, "a time is not counted"


def test_rounds_and_items_get_what_they_got(steps: Project) -> None:
    steps.step("upto", "def upto(n):\n    return list(range(n))", "{n: {type: integer}}", "{all: {type: list, items: {type: integer}}}")  # fmt: skip
    flow = """
        all: {uses: ./upto, with: {n: 3}}
        each: {uses: ./add, with: {value: "${item}"}, for_each: "${all.all}"}
        rounds:
          uses: ./add
          with: {value: "${carried.n}"}
          repeat: {times: 3, start: {n: 10}, carry: {n: result}}
        """
    steps.run(steps.workflow(flow))
    told = reproduced(steps)
    assert told["equal"] and len(told["outputs"]) == 7
    assert [one["now"] for one in told["outputs"] if one["task"].startswith("rounds")] == ["11", "12", "13"]


def test_other_code_is_refused_until_it_is_wanted(steps: Project) -> None:
    steps.run(steps.workflow(CHAIN))
    code = steps.folder / "add" / "add.py"
    code.write_text(code.read_text().replace("+ 1", "+ 2"))
    refused = steps.call("reproduce", code=3).stderr
    assert "the code of ./add is not what it was" in refused and "--with-other-code" in refused
    assert reproduced(steps, "--task", "read")["equal"], "what needs other steps is not refused"
    told = steps.call("reproduce", "--with-other-code", code=1)
    assert "not as it was: the step's code changed (more)" in told.stderr
    assert "8 then, 9 now" in told.stdout and "not deterministic" not in told.stderr


def test_the_code_comes_out_of_the_store_where_it_was_put(steps: Project) -> None:
    run = steps.run(steps.workflow(CHAIN))["run"]
    store = open_store(str(steps.folder / ".lighterage"))
    plan = store.read_plan(run)
    assert plan is not None
    for name in ("./add", "./read", "./folder"):
        step: PlannedStep = plan.steps[name].model_copy(update={"folder": steps.folder / name})
        store.put(copied(step, steps.folder / "copies" / name), "folder")
        shutil.rmtree(steps.folder / name)
    assert reproduced(steps)["equal"]


def test_a_task_that_fails_by_now_says_why(steps: Project) -> None:
    steps.step("count", "def count(path):\n    return len(open(path).read())", "{path: {type: string, external: true}}", "{n: {type: integer}}")  # fmt: skip
    steps.write({"data.txt": "12345"})
    steps.run(steps.workflow("n: {uses: ./count, with: {path: data.txt}}"))
    steps.write({"data.txt": "1234567"})
    told = steps.call("reproduce", code=1)
    assert "not as it was: external data 'path' changed (n)" in told.stderr
    assert "5 then, 7 now" in told.stdout and "not deterministic" not in told.stderr
    (steps.folder / "data.txt").unlink()
    assert "data.txt cannot be read" in steps.call("reproduce", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--task", "none"), "has no task 'none'"), (("nothing",), "there is no run 'nothing'")],
)
def test_what_is_not_there_cannot_be_done_again(steps: Project, arguments: tuple[str, ...], said: str) -> None:
    steps.run(steps.workflow(CHAIN))
    assert said in steps.call("reproduce", *arguments, code=2).stderr


def test_a_run_may_do_each_step_twice_and_keeps_what_came_first(steps: Project) -> None:
    steps.run(steps.workflow(CHAIN), "--verify-determinism")
    flow = steps.workflow(CHAIN + "drawn: {uses: ./draw, with: {size: 8}}\n")
    told = steps.run(flow, "--verify-determinism", code=1)
    found = told["determinism"]
    assert (found["not_deterministic"], [one["task"] for one in found["outputs"]]) == (["./draw"], ["drawn"])
    again = steps.run(flow)
    assert all(one["cached"] for one in again["tasks"])
    assert again["by"]["drawn"]["outputs"]["drawn"]["digest"] == found["outputs"][0]["then"]
