"""Runs beside each other: mutexes, semaphores, and how many tasks at one time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import Project

SPAN = """\
    import time
    def span(spans, seconds, together):
        begun = time.time()
        with open(spans + ".begun", "a") as file:
            file.write("x")
        while len(open(spans + ".begun").read()) < together:
            time.sleep(0.02)
        time.sleep(seconds)
        with open(spans, "a") as file:
            file.write(f"{begun} {time.time()}\\n")
    """


def _most_at_once(spans: Path) -> int:
    marks = []
    for line in spans.read_text().splitlines():
        begun, ended = map(float, line.split())
        marks += [(begun, 1), (ended, -1)]
    running = most = 0
    for _, change in sorted(marks):
        running += change
        most = max(most, running)
    return most


def _project(project: Project, head: str, tasks: int = 1, seconds: float = 0.3, together: int = 1) -> tuple[str, Path]:
    """Tasks of so many seconds, of which the first wait until so many have begun."""
    project.step("span", SPAN, "{spans: {type: string}, seconds: {type: number}, together: {type: integer}}")
    spans = project.folder / "spans"
    lines = [
        f"t{number}: {{uses: ./span, with: {{spans: {spans}, seconds: {seconds}, together: {together}}}, cache: false, resources: {{cpu: 0.1, memory: 1Mi}}}}"
        for number in range(tasks)
    ]
    return project.workflow("\n".join(lines), head=head), spans


@pytest.mark.parametrize(("head", "most"), [("{mutex: nightly}", 1), ("{semaphore: {name: gpu, limit: 2}}", 2)])
def test_runs_wait_for_each_other(project: Project, head: str, most: int) -> None:
    flow, spans = _project(project, f"concurrency: {head}\n", seconds=1, together=most)
    runs = [project.start("run", flow) for _ in range(4)]
    told = [run.communicate(timeout=60)[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4
    assert len(spans.read_text().splitlines()) == 4
    assert _most_at_once(spans) == most
    assert any("waits for another run that holds the" in one for one in told)


def test_a_killed_run_lets_go(project: Project) -> None:
    flow, spans = _project(project, "concurrency: {mutex: nightly}\n", seconds=60)
    first = project.start("run", flow)
    locks = project.folder / ".lighterage" / "locks"
    while not list(locks.glob("mutex-*")):
        time.sleep(0.05)
    first.kill()
    first.communicate()
    project.write({"span/span.py": SPAN.replace("time.sleep(seconds)", "pass")})
    project.call("run", flow)
    assert len(spans.read_text().splitlines()) == 1


def test_parallelism_bounds_the_tasks_of_a_run(project: Project) -> None:
    flow, spans = _project(project, "concurrency: {parallelism: 2}\n", tasks=6, seconds=0.1, together=2)
    project.call("run", flow, "--jobs", "6")
    assert _most_at_once(spans) == 2


def test_a_schedule_is_left_to_clusters_and_said_so(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}", head='schedule: {cron: ["0 6 * * 1"]}\n')
    assert "the schedule is a cluster's to keep" in adding.call("run", flow).stderr
