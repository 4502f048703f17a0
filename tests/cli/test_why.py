"""`lighterage why RUN TASK`: one sentence about what became of a task."""

from __future__ import annotations

import json

from tests.conftest import Project


def why(project: Project, task: str, run: str = "latest") -> str:
    return project.call("why", run, task).stdout


def test_a_task_that_ran_names_what_is_not_as_it_was(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: '${parameters.n}'}}", head="parameters: {n: 1}\n")
    first = adding.run(flow)["run"]
    assert "no earlier run had done it" in why(adding, "a")
    second = adding.run(flow, "-p", "n=2")["run"]
    assert f"value 'value' changed: 1 → 2 (against {first})" in why(adding, "a")
    adding.run(flow)
    assert f"cached: the same had been done by {first}" in why(adding, "a")
    told = json.loads(adding.call("why", second, "a", "-o", "json").stdout)
    assert (told["status"], told["against"], told["index"]) == ("succeeded", first, 0)


def test_a_task_that_was_forced_ran_although_nothing_changed(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    adding.run(flow)
    adding.run(flow, "--force", "a")
    assert "nothing changed" in why(adding, "a")


def test_an_instance_of_a_matrix(adding: Project) -> None:
    adding.run(adding.workflow("a: {uses: ./add, with: {value: '${matrix.n}'}, matrix: {n: [1, 2]}}"))
    adding.run(adding.workflow("a: {uses: ./add, with: {value: '${matrix.n}'}, matrix: {n: [1, 3]}}"))
    assert "a[0]: cached" in why(adding, "a[0]")
    assert "value 'value' changed: 2 → 3" in why(adding, "a[1]")
    assert "no task 'a' with index 2" in adding.call("why", "latest", "a[2]", code=2).stderr


def test_a_task_that_did_not_run_names_what_is_to_blame(adding: Project) -> None:
    adding.step("fail", "def fail():\n    raise OSError('the disk is on fire')")
    flow = """\
        a: {uses: ./add, with: {value: 1}}
        no: {uses: ./add, with: {value: 1}, when: "${a.result} > 5"}
        beyond: {uses: ./add, with: {value: "${no.result}"}}
        bad: {uses: ./fail}
        after: {uses: ./add, with: {value: 1}, needs: [bad]}
        """
    adding.run(adding.workflow(flow), code=1)
    assert "skipped: its condition was false: a.result is 2" in why(adding, "no")
    assert "skipped: no, which it needs, was skipped" in why(adding, "beyond")
    assert "failed: OSError: the disk is on fire" in why(adding, "bad")
    assert "omitted: bad, which it needs, failed" in why(adding, "after")


def test_a_failure_tells_what_is_not_as_when_it_succeeded(adding: Project) -> None:
    adding.step("half", "def half(n):\n    assert n % 2 == 0, 'odd'\n    return n // 2", "{n: {type: integer}}", "{h: {type: integer}}")  # fmt: skip
    flow = adding.workflow("a: {uses: ./half, with: {n: '${parameters.n}'}}", head="parameters: {n: 2}\n")
    first = adding.run(flow)["run"]
    adding.run(flow, "-p", "n=3", code=1)
    assert f"AssertionError: odd; since {first}: value 'n' changed: 2 → 3" in why(adding, "a")
