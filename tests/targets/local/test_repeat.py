"""Rounds of one task, one after the other."""

from __future__ import annotations

import pytest

from tests.conftest import Project


@pytest.fixture
def halving(project: Project) -> Project:
    """A step that halves a number and writes it down."""
    project.step(
        "half",
        "def half(number, notes, page):\n"
        "    before = notes.path.read_text() if notes else ''\n"
        "    page.path.write_text(f'{before} {number:g}')\n"
        "    return {'rest': number / 2}",
        "{number: {type: number}, notes: {type: file, optional: true}}",
        "{rest: {type: number}, page: {type: file}}",
    )
    return project


LOOP = """\
    first: {uses: ./half, with: {number: "${parameters.from}"}}
    loop:
      uses: ./half
      with: {number: "${carried.number}", notes: "${carried.notes}"}
      repeat:
        times: 4
        until: "${loop.rest} <= ${parameters.enough}"
        start: {number: "${first.rest}", notes: "${first.page}"}
        carry: {number: rest, notes: page}
    last: {uses: ./half, with: {number: "${loop.rest}", notes: "${loop.page}"}}
    """


def test_each_round_takes_what_the_one_before_gave_and_what_follows_sees_the_last(halving: Project) -> None:
    flow = halving.workflow(LOOP, head="parameters: {from: 64.0, enough: 10.0}\n")
    told = halving.run(flow)
    rounds = [(one["index"], one["outputs"]["rest"]) for one in told["tasks"] if one["task"] == "loop"]
    assert rounds == [(0, 16.0), (1, 8.0)]
    assert told["by"]["last"]["outputs"]["rest"] == 4.0
    halving.call("get", "latest", "last.page", "page.txt")
    assert (halving.folder / "page.txt").read_text() == " 64 32 16 8"


def test_never_more_rounds_than_asked_for_and_all_of_them_are_kept(halving: Project) -> None:
    flow = halving.workflow(LOOP, head="parameters: {from: 64.0, enough: 0.0}\n")
    assert sum(one["task"] == "loop" for one in halving.run(flow)["tasks"]) == 4
    assert all(one["cached"] for one in halving.run(flow)["tasks"])
    more = halving.run(flow, "-p", "enough=4")
    assert [one["cached"] for one in more["tasks"] if one["task"] == "loop"] == [True] * 3


def test_plan_knows_the_rounds_that_are_kept(halving: Project) -> None:
    flow = halving.workflow(LOOP, head="parameters: {from: 64.0, enough: 10.0}\n")
    assert "loop[0]" in halving.call("plan", flow).stdout
    halving.run(flow)
    told = halving.call("plan", flow, "-p", "enough=4").stdout
    assert "loop[1]" in told and "loop[2]" in told and "loop[3]" not in told


def test_a_round_that_fails_is_the_last(project: Project) -> None:
    project.step(
        "grow",
        "def grow(n):\n    if n > 2: raise ValueError('too much')\n    return {'more': n + 1}",
        "{n: {type: integer}}",
        "{more: {type: integer}}",
    )
    flow = project.workflow(
        'a: {uses: ./grow, with: {n: "${carried.n}"}, repeat: {times: 9, start: {n: 1}, carry: {n: more}}}\n'
        'b: {uses: ./grow, with: {n: "${a.more}"}}'
    )
    told = project.run(flow, code=1)
    assert [one["status"] for one in told["tasks"]] == ["succeeded", "succeeded", "failed", "omitted"]


@pytest.mark.parametrize(
    ("repeat", "code"),
    [
        ("{times: 2, start: {number: 1.0}, carry: {number: res}}", "L302"),
        ("{times: 2, start: {number: one}, carry: {number: rest}}", "L401"),
        ("{times: 2, start: {number: 1.0}}", "L104"),
        ("{times: 0}", "L104"),
        ("{times: 2, until: '${loop.rest}', start: {number: 1.0}, carry: {number: rest}}", "L407"),
        ("{times: 2, until: '${first.rest} > 1', start: {number: 1.0}, carry: {number: rest}}", "L304"),
        ("{times: 2, start: {num: 1.0}, carry: {num: rest}}", "L306"),
    ],
)
def test_mistakes(halving: Project, repeat: str, code: str) -> None:
    tasks = (
        "first: {uses: ./half, with: {number: 1.0}}\n"
        f'loop: {{uses: ./half, with: {{number: "${{carried.number}}"}}, repeat: {repeat}}}'
    )
    assert code in [one[0] for one in halving.mistakes(halving.workflow(tasks))]
