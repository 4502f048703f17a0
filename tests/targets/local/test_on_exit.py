"""What is done when a run has ended, one way or the other."""

from __future__ import annotations

import signal
import time

import pytest

from tests.conftest import Project

TELL = """\
    def tell(path, text, failed):
        with open(path, "a") as file:
            file.write(f"{text} {','.join(failed)}\\n")
    """
FAIL = "def fail(wait):\n    import time\n    time.sleep(wait)\n    raise ValueError('no')"


@pytest.fixture
def telling(adding: Project) -> Project:
    adding.step(
        "tell", TELL, "{path: {type: string}, text: {type: string}, failed: {type: list, items: {type: string}}}"
    )
    adding.step("fail", FAIL, "{wait: {type: number, default: 0.0}}")
    return adding


def _flow(project: Project, tasks: str) -> str:
    lines = [
        f'  - {{when: {when}, uses: ./tell, with: {{path: {project.folder}/told, text: "{when}: ${{run.status}}", failed: "${{run.failed}}"}}}}\n'
        for when in ("succeeded", "failed", "always")
    ]
    return project.workflow(tasks, head="on_exit:\n" + "".join(lines))


def _told(project: Project) -> list[str]:
    return sorted(line.strip() for line in (project.folder / "told").read_text().splitlines())


def test_after_a_success(telling: Project) -> None:
    flow = _flow(telling, "a: {uses: ./add, with: {value: 1}}")
    told = telling.run(flow)
    assert _told(telling) == ["always: succeeded", "succeeded: succeeded"]
    assert told["by"]["on-exit-2"]["status"] == "skipped"
    telling.run(flow)
    assert len(_told(telling)) == 4, "it is done after every run, also after one that the cache answers"


def test_after_a_failure_the_failed_tasks_are_named(telling: Project) -> None:
    flow = _flow(telling, "a: {uses: ./add, with: {value: 1}}\nb: {uses: ./fail}\nc: {uses: ./fail, with: {wait: 0.1}}")
    assert telling.run(flow, code=1)["status"] == "failed"
    assert _told(telling) == ["always: failed b,c", "failed: failed b,c"]


def test_a_stopped_run_is_told_of_too(telling: Project) -> None:
    flow = _flow(telling, "a: {uses: ./fail, with: {wait: 60}}")
    process = telling.start("run", flow)
    while not list(telling.folder.glob(".lighterage/runs/*/logs/a.*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert _told(telling) == ["always: cancelled", "failed: cancelled"]


def test_a_failure_there_fails_the_run(telling: Project) -> None:
    flow = telling.workflow("a: {uses: ./add, with: {value: 1}}", head="on_exit: [{uses: ./fail}]\n")
    assert telling.run(flow, code=1)["by"]["a"]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ('on_exit: [{uses: ./tell, with: {path: x, text: "${a.result}", failed: []}}]', "L304"),
        ('on_exit: [{uses: ./tell, with: {path: x, text: "${run.name}", failed: []}}]', "L304"),
        ("on_exit: [{uses: ./tell, with: {path: x, text: y}}]", "L403"),
        ("on_exit: [{uses: ./nothing}]", "L201"),
        ("on_exit: [{when: sometimes, uses: ./fail}]", "L104"),
    ],
)
def test_mistakes(telling: Project, head: str, code: str) -> None:
    found = telling.mistakes(telling.workflow("a: {uses: ./add, with: {value: 1}}", head=head + "\n"))
    assert code in [one[0] for one in found]
    assert {one[1] for one in found} == {4}
