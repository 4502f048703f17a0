"""A workflow, a step and an environment with ten mistakes: all ten, in one go, each at its place; in every form."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Project

FILES = {
    "flow.yaml": """\
        apiVersion: lighterage/v1
        kind: Workflow
        name: flow
        parameters:
          epochs: {type: integer, default: 3}
        tasks:
          load:
            uses: data/laod@1
          make:
            uses: ./make
            with: {size: big, colour: red}
          train:
            uses: ./make
            with: {size: "${parameters.epohcs}"}
            needs: [lod]
          late:
            uses: ./make
            with: {size: 1}
            when: "${make.size} > 1"
        outputs: {end: "${late.size_of_it"}
        """,
    "make/step.yaml": """\
        apiVersion: lighterage/v1
        kind: Step
        name: make
        version: 1.0.0
        description: Makes something
        inputs:
          size: {type: integer}
        outputs:
          size_of_it: {type: integer}
        python: make:build
        """,
    "make/make.py": "def make(size): ...\n",
    "room.yaml": """\
        apiVersion: lighterage/v1
        kind: Environment
        name: room
        store: {url: .lighterage}
        sites:
          here: {target: local, namespace: ml, capacity: {cpu: none}}
        placement: [{tasks: "*", pol: gpu}]
        """,
}

EXPECTED = [
    ("flow.yaml", 8, 11, "L201"),
    ("flow.yaml", 11, 18, "L401"),
    ("flow.yaml", 11, 23, "L404"),
    ("flow.yaml", 14, 18, "L303"),
    ("flow.yaml", 15, 13, "L301"),
    ("flow.yaml", 19, 11, "L302"),
    ("flow.yaml", 20, 16, "L304"),
    ("make/step.yaml", 10, 9, "L204"),
    ("room.yaml", 6, 56, "L104"),
    ("room.yaml", 7, 26, "L103"),
]


@pytest.fixture
def mistaken(project: Project) -> Project:
    project.write(FILES)
    return project


def test_exactly_those_ten_in_one_go(mistaken: Project) -> None:
    done = mistaken.call("validate", "flow.yaml", "room.yaml", "make/step.yaml", "--format", "json", code=2)
    told = json.loads(done.stdout)
    places = [(one["file"], one["line"], one["column"], one["code"]) for one in told if one["severity"] == "error"]
    assert places == EXPECTED


def test_the_text_points_at_each(mistaken: Project) -> None:
    err = mistaken.call("validate", "flow.yaml", code=2).stderr
    assert (
        "flow.yaml:8:11: error[L201]: there is no step 'data/laod'\n      uses: data/laod@1\n            ^\n  hint: did you mean 'data/load@1'?"
        in err
    )


def test_sarif_and_github_forms_name_the_same_places(mistaken: Project) -> None:
    sarif = json.loads(mistaken.call("validate", "room.yaml", "--format", "sarif", code=2).stdout)
    regions = [
        result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in sarif["runs"][0]["results"]
    ]
    assert regions == [6, 7]
    github = mistaken.call("validate", "room.yaml", "--format", "github", code=2).stdout
    assert github.splitlines()[1].startswith("::error file=room.yaml,line=7,col=26,title=L103::")


def test_explain_prints_the_page(project: Project) -> None:
    assert "unknown field" in project.call("explain", "L103").stdout
    assert "task.retry" in project.call("explain", "task.retry").stdout
    assert "did you mean" in project.call("explain", "task.retr", code=2).stderr
