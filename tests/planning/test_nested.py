"""A workflow as a task of another."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Project

INNER = """\
    apiVersion: lighterage/v1
    kind: Workflow
    name: twice
    parameters:
      start: {type: integer}
      go: true
    tasks:
      one: {uses: ../add, with: {value: "${parameters.start}"}, when: "${parameters.go}"}
      two: {uses: ../add, with: {value: "${one.result}"}}
    outputs: {result: "${two.result}"}
    """


@pytest.fixture
def nested(adding: Project) -> Project:
    """A project in which `parts/twice.yaml` adds two."""
    adding.write({"parts/twice.yaml": INNER})
    return adding


def test_its_tasks_take_the_place_of_the_one_that_uses_it(nested: Project) -> None:
    flow = nested.workflow(
        """\
        a: {uses: ./parts/twice.yaml, with: {start: "${parameters.first}"}}
        b: {uses: ./parts/twice.yaml, with: {start: "${a.result}"}}
        c: {uses: ./add, with: {value: "${b.result}"}, needs: [a]}
        """,
        head="parameters: {first: 1}\n" + 'outputs: {last: "${c.result}", inner: "${b.result}"}\n',
    )
    told = nested.run(flow, "-p", "first=10")
    assert [one["task"] for one in told["tasks"]] == ["a--one", "a--two", "b--one", "b--two", "c"]
    assert told["outputs"] == {"last": 15, "inner": 14}
    assert {one["task"]: one["cached"] for one in nested.run(flow, "-p", "first=12")["tasks"]}["a--one"]


def test_a_condition_skips_all_of_it_and_what_follows(nested: Project) -> None:
    flow = nested.workflow(
        """\
        a: {uses: ./parts/twice.yaml, with: {start: 1}, when: "${parameters.first} > 1"}
        b: {uses: ./add, with: {value: "${a.result}"}}
        c: {uses: ./parts/twice.yaml, with: {start: 1, go: false}}
        """,
        head="parameters: {first: 1}\n",
    )
    assert {one["status"] for one in nested.run(flow)["tasks"]} == {"skipped"}
    assert nested.run(flow, "-p", "first=2")["by"]["b"]["outputs"] == {"result": 4}


def test_workflows_may_use_workflows_that_use_workflows(nested: Project) -> None:
    outer = INNER.replace("name: twice", "name: four").replace("../add, with: {value:", "./twice.yaml, with: {start:")
    nested.write({"parts/four.yaml": outer.replace("one.result", "one.result")})
    flow = nested.workflow("a: {uses: ./parts/four.yaml, with: {start: 1}}", head='outputs: {last: "${a.result}"}\n')
    told = nested.run(flow)
    assert [one["task"] for one in told["tasks"]] == ["a--one--one", "a--one--two", "a--two--one", "a--two--two"]
    assert told["outputs"] == {"last": 5}


def test_the_plan_of_a_cluster_holds_no_trace_of_nesting(nested: Project) -> None:
    flow = nested.workflow("a: {uses: ./parts/twice.yaml, with: {start: 1}}")
    told = json.loads(nested.call("plan", flow, "-o", "json").stdout)["plan"]
    assert list(told["steps"]) == ["./add"]
    assert [task["needs"] for task in told["tasks"] if "needs" in task] == [["a--one"]]


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ("{uses: ./parts/twice.yaml}", "L403"),
        ("{uses: ./parts/twice.yaml, with: {start: one}}", "L401"),
        ("{uses: ./parts/twice.yaml, with: {start: 1, stop: 2}}", "L404"),
        ("{uses: ./parts/twice.yaml, with: {start: 1}, matrix: {n: [1]}}", "L207"),
        ("{uses: ./parts/thrice.yaml, with: {start: 1}}", "L201"),
        ("{uses: ./flow.yaml}", "L207"),
        (
            f"{{uses: ./parts/twice.yaml, with: {{start: 1}}}}\n{'b' * 60}: {{uses: ./parts/twice.yaml, with: {{start: 1}}}}",
            "L207",
        ),
    ],
)
def test_mistakes_are_found_where_they_are_made(nested: Project, task: str, code: str) -> None:
    found = nested.mistakes(nested.workflow(f"a: {task}"))
    assert {one[0] for one in found} == {code}


def test_a_mistake_inside_is_shown_inside(nested: Project) -> None:
    nested.write({"parts/twice.yaml": INNER.replace("${one.result}", "${one.resul}")})
    flow = nested.workflow(
        'a: {uses: ./parts/twice.yaml, with: {start: 1}}\nb: {uses: ./add, with: {value: "${a.result}"}}'
    )
    told = nested.call("validate", flow, code=2).stderr
    assert "parts/twice.yaml:9:" in told and "L302" in told and "1 mistake" in told
