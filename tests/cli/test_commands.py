"""Every command, as somebody meets them on a first day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Project


@pytest.fixture
def begun(project: Project) -> Project:
    """The project that `init` makes, run once."""
    project.call("init", ".")
    project.call("run", "workflows/hello.yaml")
    return project


def test_init_makes_a_project_that_is_without_mistakes_and_runs(project: Project) -> None:
    project.call("init", ".")
    assert project.call("validate", "workflows/hello.yaml").stdout == ""
    told = project.run("workflows/hello.yaml", "-p", "name=sea")
    assert told["outputs"]["texts"] == ["Hello, sea!", "Ahoy, sea!"]
    assert "exists already; nothing was written" in project.call("init", ".", code=2).stderr


def test_a_run_can_be_looked_at_afterwards(begun: Project) -> None:
    listed = begun.call("runs").stdout
    assert "hello-" in listed and "succeeded" in listed
    shown = begun.call("show", "latest").stdout
    assert "greet[1]" in shown and "Ahoy, world!" in shown
    assert begun.call("get", "latest", "greet.text", "--index", "1").stdout == "Ahoy, world!\n"
    begun.call("get", "latest", "greet.letter", "letter.txt")
    assert (begun.folder / "letter.txt").read_text() == "Hello, world!\n"
    assert "exists already" in begun.call("get", "latest", "greet.letter", "letter.txt", code=2).stderr


def test_what_a_task_printed_is_found_again_also_when_it_is_cached(adding: Project) -> None:
    adding.write({"add/add.py": "def add(value):\n    print('adding to', value)\n    return value + 1\n"})
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    for _ in range(2):
        adding.call("run", flow)
        assert adding.call("logs", "latest", "a").stdout == "adding to 1\n"
    assert "no task 'b'" in adding.call("logs", "latest", "b", code=2).stderr


def test_a_workflow_can_be_drawn(begun: Project) -> None:
    begun.write({"two.yaml": (begun.folder / "workflows/hello.yaml").read_text().replace("../steps", "./steps")})
    assert begun.call("graph", "two.yaml").stdout.startswith(("graph", "flowchart"))
    assert begun.call("graph", "two.yaml", "--format", "dot").stdout.startswith("digraph")


def test_steps_that_ship_are_listed_and_shown(project: Project) -> None:
    assert "edge/convert" in project.call("steps", "list").stdout
    shown = project.call("steps", "show", "data/split@1").stdout
    assert "stratify" in shown and "group" in shown


def test_fields_and_codes_are_explained(project: Project) -> None:
    assert "max_parallel" in project.call("explain", "task.max_parallel").stdout
    assert "did you mean 'L103'" in project.call("explain", "L1O3", code=2).stderr
    assert json.loads(project.call("schema", "workflow").stdout)["title"] == "Workflow"


def test_doctor_and_completion_say_something(project: Project) -> None:
    assert "Python" in project.call("doctor", code=None).stdout
    assert "lighterage" in project.call("completion", "bash").stdout


def test_planning_before_anything_ran_makes_no_store(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    assert "it has not run yet" in adding.call("plan", flow).stdout
    assert not Path(adding.folder, ".lighterage").exists()


def test_what_a_cluster_refuses_is_pointed_at_in_the_file(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}, retry: {limit: 2, factor: 1.5}}")
    err = adding.call("compile", flow, "-e", "onprem", code=2).stderr
    assert "flow.yaml:5:" in err and "error[L504]" in err and "whole factors" in err
    err = adding.call("compile", flow, "-e", "onprem", "--store", "here", code=2).stderr
    assert "onprem.yaml:" in err and "error[L503]" in err


def test_a_word_that_is_nearly_a_command(project: Project) -> None:
    assert "did you mean 'validate'" in project.call("validat", code=2).stderr
