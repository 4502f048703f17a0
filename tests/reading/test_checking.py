"""Schemas' complaints: one diagnostic for each mistake, at its place, in plain words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from lighterage.diagnostics import Diagnostic
from lighterage.reading import check, read_document
from lighterage.schemas.environment import Environment
from lighterage.schemas.step import Step
from lighterage.schemas.workflow import Workflow

HEAD = "apiVersion: lighterage/v1\nkind: Workflow\nname: demo\n"
TASKS = HEAD + "tasks:\n  train:\n    uses: train/keras@1\n"
STEP = "apiVersion: lighterage/v1\nkind: Step\nname: demo\nversion: 1.0.0\ndescription: demo\n"
ENVIRONMENT = "apiVersion: lighterage/v1\nkind: Environment\nname: demo\n"


def complaints(text: str, model: type[BaseModel] = Workflow) -> list[Diagnostic]:
    value, found = check(read_document(text, "demo.yaml"), model)
    assert (value is None) == bool(found)
    return found


def test_what_is_right_becomes_the_model() -> None:
    workflow, found = check(read_document(TASKS, "demo.yaml"), Workflow)

    assert found == []
    assert workflow is not None
    assert workflow.tasks["train"].uses == "train/keras@1"


ONE_EACH = [
    (HEAD, "L101", 1, 1, "the workflow lacks the field 'tasks'", None),
    (HEAD + "tasks:\n  train: {with: {}}\n", "L101", 5, 3, "task 'train' lacks the field 'uses' or 'approve'", None),
    (TASKS + "    needs: load\n", "L102", 7, 12, "'needs': expected a list, found 'load'", None),
    (TASKS + "    timeout: 10\n", "L102", 7, 14, "'timeout': expected text, found 10", None),
    (TASKS + "    allow_failure: yes\n", "L102", 7, 20, "'allow_failure': expected true or false, found 'yes'", None),
    (TASKS + "    max_parallel: 2.0\n    matrix: {a: [1]}\n", "L102", 7, 19,
     "'max_parallel': expected an integer, found 2.0", None),
    (TASKS + "  test:\n", "L102", 7, 8, "'test': expected a mapping, found nothing", None),
    (TASKS + "    resources: {cpu: [1]}\n", "L102", 7, 22, "'cpu': expected an integer, a number or text, found a list", None),
    (TASKS + "    cache: soon\n", "L102", 7, 12, "'cache': expected true or false or a mapping, found 'soon'", None),
    (TASKS + "    needs: [a, 3]\n", "L102", 7, 16, "needs[1] of task 'train': expected text, found 3", None),
    (TASKS + "    imge: x\n", "L103", 7, 5, "unknown field 'imge' in task 'train'",
     "fields here: uses, approve, with, description, needs, matrix, for_each, max_parallel, repeat, when, retry, timeout, resources, cache, allow_failure, argo"),
    (TASKS + "    retrys: {limit: 2}\n", "L103", 7, 5, "unknown field 'retrys' in task 'train'", "did you mean 'retry'?"),
    (TASKS + "    retry: {limt: 2}\n", "L103", 7, 13, "unknown field 'limt' in retry of task 'train'", "did you mean 'limit'?"),
    (TASKS + "    retry: {limit: 0}\n", "L104", 7, 20, "'limit': 0 is too small, at least 1 is needed", None),
    (TASKS + "    resources: {accelerator: {kind: gpu, count: 65}}\n", "L104", 7, 49,
     "'count': 65 is too large, at most 64 is allowed", None),
    (TASKS + "    matrix: {seed: []}\n", "L104", 7, 20, "'seed': at least 1 is needed, found 0", None),
    (TASKS + "    timeout: soon\n", "L104", 7, 14,
     "'timeout': a duration is a number with a unit s, m, h or d, such as 90s or 2h", None),
    (TASKS + "    max_parallel: 2\n", "L104", 5 + 1, 5, "'train': `max_parallel` is for a task with `matrix:` or `for_each:`", None),
    (HEAD + "tasks:\n  Train: {uses: x@1}\n", "L104", 5, 3,
     "'Train' cannot be a name here: it does not match ^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$",
     "lower-case letters, digits and '-', at most 63"),
    (TASKS + "    matrix: {Seed: [1]}\n", "L104", 7, 14, "'Seed' cannot be a name here: it does not match ^[a-z][a-z0-9_]{0,62}$", None),
    (HEAD.replace("demo", "Demo") + "tasks: {a: {uses: x@1}}\n", "L104", 3, 7,
     "'name': 'Demo' does not match ^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$", "lower-case letters, digits and '-', at most 63"),
    (HEAD + "tasks: {}\n", "L104", 4, 8, "'tasks': at least 1 is needed, found 0", None),
    (TASKS.replace("v1", "v2"), "L105", 1, 13, "apiVersion must be 'lighterage/v1', found 'lighterage/v2'", "did you mean 'lighterage/v1'?"),
    (TASKS.replace("Workflow", "Workflw"), "L105", 2, 7, "kind must be 'Workflow', found 'Workflw'", "did you mean 'Workflow'?"),
    ("- apiVersion\n", "L102", 1, 1, "the workflow: expected a mapping, found a list", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "message", "hint"), ONE_EACH, ids=[one[4][:40] for one in ONE_EACH]
)
def test_one_mistake_one_diagnostic(
    text: str, code: str, line: int, column: int, message: str, hint: str | None
) -> None:
    (found,) = complaints(text)

    assert (found.code, found.line, found.column) == (code, line, column)
    assert found.message == message
    assert found.hint == hint


def test_a_misspelled_field_that_must_be_there_is_one_mistake() -> None:
    (found,) = complaints(HEAD + "tasks:\n  train: {use: train/keras@1}\n")

    assert (found.code, found.hint) == ("L103", "did you mean 'uses'?")


def test_the_branch_of_a_union_that_got_further_speaks_for_it() -> None:
    (found,) = complaints(TASKS + "    cache: {expires: soon}\n")

    assert (found.code, found.line, found.column) == ("L104", 7, 22)


def test_a_task_may_be_named_like_a_field() -> None:
    (found,) = complaints(HEAD + "tasks:\n  retry: {uses: x@1, limt: 3}\n")

    assert (found.code, found.path) == ("L103", ("tasks", "retry", "limt"))
    assert found.hint is not None
    assert found.hint.startswith("fields here: uses, ")


def test_keys_that_look_like_branches_of_a_union_do_no_harm() -> None:
    (found,) = complaints(TASKS + "    when: {str: 1, bool: 2}\n")

    assert (found.code, found.line) == ("L102", 7)


def test_a_file_of_another_kind_gets_one_complaint() -> None:
    (found,) = complaints(STEP + "python: a:b\n", Workflow)

    assert (found.code, found.line, found.column) == ("L105", 2, 7)
    assert found.message == "a file of kind Workflow is needed here, but this is of kind Step"


@pytest.mark.parametrize(
    ("rest", "code", "line", "column"),
    [
        ("", "L104", 1, 1),
        ("python: train\n", "L104", 6, 9),
        ("command: []\n", "L104", 6, 10),
        ("python: a:b\ninputs: {x: {type: modl}}\n", "L104", 7, 20),
        ("python: a:b\ninputs: {x: {type: string, pattern: '['}}\n", "L104", 7, 13),
        ("python: a:b\ninputs: {x: {type: integer, default: seven}}\n", "L104", 7, 13),
        ("python: a:b\ninputs: {x: {type: list, items: {tpe: string}}}\n", "L103", 7, 34),
        ("python: a:b\nrequires: numpy\n", "L102", 7, 11),
    ],
)
def test_steps(rest: str, code: str, line: int, column: int) -> None:
    (found,) = complaints(STEP + rest, Step)

    assert (found.code, found.line, found.column) == (code, line, column)


@pytest.mark.parametrize(
    ("rest", "code", "line", "column"),
    [
        ("store: {uri: x}\nsites: {here: {target: local}}\n", "L103", 4, 9),
        ("store: {url: x}\nsites: {here: {target: locl}}\n", "L104", 5, 24),
        ("store: {url: x}\nsites: {here: {target: local, pools: {gpu: {}}}}\n", "L104", 5, 15),
        ("store: {url: x}\nsites: {a: {target: local}, b: {target: argo}}\n", "L104", 5, 8),
        ("store: {url: x}\nsites: {here: {target: local}}\nvalues: {a: [1]}\n", "L102", 6, 13),
        ("store: {url: x}\nsites: {here: {target: local}}\nplacement: [{task: a, pool: b}]\n", "L103", 6, 14),
    ],
)
def test_environments(rest: str, code: str, line: int, column: int) -> None:
    (found,) = complaints(ENVIRONMENT + rest, Environment)

    assert (found.code, found.line, found.column) == (code, line, column)
