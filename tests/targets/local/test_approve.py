"""Tasks that wait for a person."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.conftest import Project

FLOW = """\
    a: {uses: ./add, with: {value: 1}}
    gate:
      needs: [a]
      approve:
        message: Ship it?
        inputs: {more: {type: integer, minimum: 1}, comment: fine}
    b: {uses: ./add, with: {value: "${gate.more}"}}
    c: {uses: ./add, with: {value: 5}}
    """


def _asked(project: Project, flow: str) -> tuple[subprocess.Popen[str], str]:
    """A run under way that has come to its question, and its name."""
    process = project.start("run", flow, "-o", "json")
    while not list(project.folder.glob(".lighterage/runs/*/tasks/c.0.json")):
        assert process.poll() is None, process.stderr
        time.sleep(0.05)
    time.sleep(0.2)
    return process, next(project.folder.glob(".lighterage/runs/*")).name


def test_what_a_person_says_flows_on(adding: Project) -> None:
    process, run = _asked(adding, adding.workflow(FLOW))
    assert "'more' must be said" in adding.call("approve", run, "gate", code=2).stderr
    assert "'more' is 0" in adding.call("approve", run, "gate", "-p", "more=0", code=2).stderr
    adding.call("approve", "latest", "gate", "-p", "more=41")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert f"lighterage approve {run} gate" in err
    shown = adding.call("show", run).stdout
    assert "more 41" in shown and "comment fine" in shown and "result 42" in shown
    assert "does not wait any more" in adding.call("approve", run, "gate", "-p", "more=1", code=2).stderr
    assert "these do: gate" in adding.call("approve", run, "b", code=2).stderr


def test_a_no_fails_the_task_and_omits_what_follows(adding: Project) -> None:
    process, run = _asked(adding, adding.workflow(FLOW))
    adding.call("approve", run, "gate", "--reject")
    process.communicate(timeout=30)
    assert process.returncode == 1
    shown = adding.call("show", run).stdout
    assert "rejected: Ship it?" in shown and "omitted" in shown


@pytest.mark.parametrize(("otherwise", "code"), [("reject", 1), ("approve", 0)])
def test_silence_means_what_was_said_it_means(adding: Project, otherwise: str, code: int) -> None:
    approve = f"{{message: Go on?, timeout: 0.5s, otherwise: {otherwise}, inputs: {{more: 7}}}}"
    flow = adding.workflow(f'gate: {{approve: {approve}}}\nb: {{uses: ./add, with: {{value: "${{gate.more}}"}}}}')
    told = adding.run(flow, code=code)
    assert told["by"]["b"]["outputs"] == ({"result": 8} if code == 0 else {})


def test_a_signal_ends_the_waiting(adding: Project) -> None:
    process, _ = _asked(adding, adding.workflow(FLOW))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


@pytest.mark.parametrize(
    "task",
    [
        "{approve: {message: Go?}, uses: ./add}",
        "{approve: {message: Go?}, matrix: {n: [1]}}",
        "{approve: {message: ''}}",
        "{approve: {message: Go?, inputs: {page: {type: file}}}}",
        "{approve: {message: Go?, timeout: 1h, otherwise: approve, inputs: {n: {type: integer}}}}",
    ],
)
def test_mistakes(adding: Project, task: str) -> None:
    assert [one[0] for one in adding.mistakes(adding.workflow(f"a: {task}"))] == ["L104"]
