"""What planning finds, each at its place."""

from __future__ import annotations

import pytest

from tests.conftest import Project

CASES = {
    "a task that is not there": ("b: {uses: ./add, with: {value: '${a.result}'}}", [("L301", 5, 34)]),
    "an output that is not there": (
        "a: {uses: ./add, with: {value: 1}}\nb: {uses: ./add, with: {value: '${a.reslt}'}}",
        [("L302", 6, 34)],
    ),
    "a parameter that is not there": ("a: {uses: ./add, with: {value: '${parameters.x}'}}", [("L303", 5, 34)]),
    "a reference without an end": ("a: {uses: ./add, with: {value: '${a.b'}}", [("L304", 5, 34)]),
    "a reference that is none": ("a: {uses: ./add, with: {value: 'x ${1 + 1}'}}", [("L304", 5, 37)]),
    "no such value of the environment": ("a: {uses: ./add, with: {value: '${environment.x}'}}", [("L305", 5, 34)]),
    "a matrix without that axis": (
        "a: {uses: ./add, with: {value: '${matrix.y}'}, matrix: {x: [1]}}",
        [("L306", 5, 34)],
    ),
    "a cycle": (
        "a: {uses: ./add, with: {value: '${b.result}'}}\nb: {uses: ./add, with: {value: '${a.result}'}}",
        [("L307", 5, 3)],
    ),
    "a task that waits for itself": ("a: {uses: ./add, with: {value: '${a.result}'}}", [("L307", 5, 3)]),
    "an empty axis": ("a: {uses: ./add, with: {value: 1}, matrix: {x: []}}", [("L104", 5, 50)]),
    "nothing left of a matrix": (
        "a: {uses: ./add, with: {value: 1}, matrix: {x: [1], exclude: [{x: 1}]}}",
        [("L311", 5, 38)],
    ),
    "an exclusion of nothing": (
        "a: {uses: ./add, with: {value: 1}, matrix: {x: [1], exclude: [{x: 2}]}}",
        [("L311", 5, 65)],
    ),
    "text for an integer": ("a: {uses: ./add, with: {value: one}}", [("L401", 5, 34)]),
    "a missing input": ("a: {uses: ./add}", [("L403", 5, 3)]),
    "an input that is not there": ("a: {uses: ./add, with: {value: 1, valeu: 2}}", [("L404", 5, 37)]),
    "a list where one is expected": (
        "a: {uses: ./add, with: {value: 1}, matrix: {x: [1, 2]}}\nb: {uses: ./add, with: {value: '${a.result}'}}",
        [("L406", 6, 34)],
    ),
    "an axis with a wrong value": (
        "a: {uses: ./add, with: {value: '${matrix.x}'}, matrix: {x: [1, two]}}",
        [("L401", 5, 34)],
    ),
    "a condition over unlike things": (
        "a: {uses: ./add, with: {value: 1}}\nb: {uses: ./add, with: {value: 1}, when: \"${a.result} == 'x'\"}",
        [("L407", 6, 44)],
    ),
    "a condition that is none": (
        "a: {uses: ./add, with: {value: 1}, when: '1 +'}",
        [("L304", 5, 47)],
    ),
    "no such step": ("a: {uses: data/lod@1}", [("L201", 5, 13)]),
    "no such version": ("a: {uses: data/load@7}", [("L202", 5, 13)]),
    "a name with another meaning": ("matrix: {uses: ./add, with: {value: 1}}", [("L104", 5, 3)]),
    "a need that is not there": ("a: {uses: ./add, with: {value: 1}, needs: [b]}", [("L301", 5, 46)]),
}


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_one_diagnostic(adding: Project, case: str) -> None:
    tasks, expected = CASES[case]
    assert adding.mistakes(adding.workflow(tasks)) == expected


def test_an_artifact_where_a_value_is_expected_and_the_other_way_round(project: Project) -> None:
    project.step("make", "def make(page): ...", outputs="{page: {type: report}}")
    project.step("read", "def read(page, size): ...", inputs="{page: {type: report/html}, size: {type: integer}}")
    tasks = """
        make: {uses: ./make}
        read:
          uses: ./read
          with:
            page: "${make.page}"
            size: "${make.page}"
        text:
          uses: ./read
          with: {page: index.html, size: 1}
    """
    assert project.mistakes(project.workflow(tasks)) == [("L405", 9, 13), ("L405", 10, 13), ("L405", 13, 18)]


def test_a_sub_type_is_accepted_where_its_type_is_asked_for(project: Project) -> None:
    project.step("make", "def make(page): ...", outputs="{page: {type: report/html}}")
    project.step("read", "def read(page): ...", inputs="{page: {type: report}}")
    assert (
        project.mistakes(
            project.workflow('make: {uses: ./make}\nread: {uses: ./read, with: {page: "${make.page}"}}'), code=0
        )
        == []
    )


def test_an_unused_parameter_and_a_task_that_never_runs_are_warnings(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}, when: false}", head="parameters:\n  lost: 1\n")
    assert adding.mistakes(flow, code=0) == [("L308", 5, 3), ("L309", 7, 44)]


def test_a_step_whose_function_differs_from_its_contract(project: Project) -> None:
    project.step("add", "def add(number): ...", inputs="{value: {type: integer}}")
    project.step("gone", "x = 1", inputs="{}")
    flow = project.workflow("a: {uses: ./add, with: {value: 1}}\nb: {uses: ./gone}")
    assert project.mistakes(flow) == [("L203", 8, 9), ("L204", 8, 9)]


def test_needs_beyond_the_site(adding: Project) -> None:
    adding.write(
        {
            "small.yaml": """\
                apiVersion: lighterage/v1
                kind: Environment
                name: small
                store: {url: .lighterage}
                sites: {here: {target: local, capacity: {cpu: 1, memory: 1Gi}}}
                """
        }
    )
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}, resources: {cpu: 2, memory: 2Gi, accelerator: gpu}}")
    told = adding.call("validate", flow, "-e", "./small.yaml", code=2).stderr
    assert told.count("L501") == 2
    assert told.count("L502") == 1


def test_parameters_of_the_command_line_keep_their_contracts(adding: Project) -> None:
    flow = adding.workflow(
        "a: {uses: ./add, with: {value: '${parameters.n}'}}", head="parameters:\n  n: {type: integer, minimum: 1}\n"
    )
    assert "parameter 'n' needs a value" in adding.call("run", flow, code=2).stderr
    assert "at least 1 is needed" in adding.call("run", flow, "-p", "n=0", code=2).stderr
    assert "must be an integer, not a string" in adding.call("run", flow, "-p", "n=x", code=2).stderr
    assert "did you mean 'n'" in adding.call("run", flow, "-p", "nn=1", code=2).stderr
    assert adding.run(flow, "-p", "n=4")["by"]["a"]["outputs"] == {"result": 5}


def test_the_same_input_gives_the_same_plan_in_the_same_bytes(adding: Project) -> None:
    flow = adding.workflow(
        "b: {uses: ./add, with: {value: '${a.result}'}}\na: {uses: ./add, with: {value: 1}, matrix: {x: [2, 1]}}"
    )
    flow = adding.workflow(
        "b: {uses: ./add, with: {value: 1}, needs: [a]}\na: {uses: ./add, with: {value: 1}, matrix: {x: [2, 1]}}"
    )
    first, second = (adding.call("plan", flow, "-o", "json").stdout for _ in range(2))
    assert first == second
    assert str(adding.folder) not in first
