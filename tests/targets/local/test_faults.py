"""Killed, stopped and orphaned: nothing is lost, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Project

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)

STAMP = """\
    import pathlib, time
    def stamp(marks, name, before, page):
        with open(marks, "a") as file:
            file.write(name + "\\n")
        time.sleep(0.05)
        earlier = "".join(one.path.read_text() for one in before or [])
        page.path.write_text(earlier + name)
        return {"length": len(earlier + name)}
    """
PORTS = (
    "{marks: {type: string}, name: {type: string}, before: {type: list, items: {type: file}, optional: true}}",
    "{page: {type: file}, length: {type: integer}}",
)


def _diamond(project: Project, marks: Path) -> str:
    """Twelve tasks: a start, two chains of five, an end."""
    project.step("stamp", STAMP, *PORTS)
    lines = [f"start: {{uses: ./stamp, with: {{marks: {marks}, name: start}}}}"]
    for side in "lr":
        before = "start"
        for number in range(5):
            name = f"{side}{number}"
            given = f'{{marks: {marks}, name: {name}, before: ["${{{before}.page}}"]}}'
            lines.append(f"{name}: {{uses: ./stamp, with: {given}}}")
            before = name
    lines.append(
        f'end: {{uses: ./stamp, with: {{marks: {marks}, name: end, before: ["${{l4.page}}", "${{r4.page}}"]}}}}'
    )
    return project.workflow("\n".join(lines), name="diamond")


def _digests(told: dict) -> dict[str, str]:
    return {name: one["outputs"]["page"]["digest"] for name, one in told["by"].items()}


@pytest.mark.faults
def test_kill_9_at_any_moment_then_the_same_command_finishes_without_repeating(project: Project) -> None:
    marks = project.folder / "marks"
    flow = _diamond(project, marks)
    undisturbed = _digests(project.run(flow, "--store", "calm"))
    choose = random.Random(SEED)
    print(f"seed {SEED}")
    for number in range(KILLS):
        store = f"store-{number}"
        marks.write_text("")
        process = project.start("run", flow, "--store", store, "--quiet")
        time.sleep(choose.uniform(0.1, 1.6))
        process.kill()
        process.communicate()
        done = {file.name.partition(".")[0] for file in (project.folder / store).glob("runs/*/tasks/*.json")}
        before = marks.read_text().split()
        told = project.run(flow, "--store", store)
        assert _digests(told) == undisturbed
        repeated = set(marks.read_text().split()[len(before) :])
        assert not done & repeated, f"kill {number}: {done & repeated} ran again"
        assert len(marks.read_text().split()) <= 12 + 4, "at most the running tasks run again"
        assert _gone(_working_in(project.folder)), "a process of the killed run is left"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _working_in(folder: Path) -> list[int]:
    """Processes that were started there, as Linux tells them."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "cwd").resolve() == folder:
                found.append(int(place.name))
    return found


def _gone(pids: list[int], within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while any(map(_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


ORPHANS = """\
    import os, signal, subprocess, sys, time
    def orphans(pids, stay):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        daemon = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); open(%r, 'a').write(str(os.getpid()) + chr(10)); time.sleep(300)" % pids
        subprocess.Popen([sys.executable, "-c", daemon])
        with open(pids, "a") as file:
            file.write(f"{os.getpid()}\\n")
        while len(open(pids).read().split()) < 2:
            time.sleep(0.01)
        time.sleep(300 if stay else 0)
    """


def _orphans(project: Project, stay: bool) -> tuple[str, Path]:
    pids = project.folder / "pids"
    project.step("orphans", ORPHANS, "{pids: {type: string}, stay: {type: boolean}}")
    return project.workflow(
        f"a: {{uses: ./orphans, with: {{pids: {pids}, stay: {str(stay).lower()}}}, cache: false}}"
    ), pids


def _written(pids: Path, count: int = 2) -> list[int]:
    deadline = time.monotonic() + 30
    while not pids.exists() or len(pids.read_text().split()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in pids.read_text().split()]


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="daemons can only be found on Linux")


@linux
def test_a_daemon_that_a_step_left_does_not_outlive_it(project: Project) -> None:
    flow, pids = _orphans(project, stay=False)
    project.run(flow)
    assert _gone(_written(pids), within=5)


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_and_all_its_descendants(project: Project, number: signal.Signals, code: int) -> None:
    flow, pids = _orphans(project, stay=True)
    process = project.start("run", flow, start_new_session=True)
    started = _written(pids)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert f"stopped by {number.name}" in err
    assert _gone(started, within=5)


@linux
def test_kill_9_of_the_run_ends_its_tasks_too(project: Project) -> None:
    flow, pids = _orphans(project, stay=True)
    process = project.start("run", flow)
    started = _written(pids)
    process.kill()
    process.communicate()
    assert _gone(started)


@linux
def test_a_killed_supervisor_takes_its_task_along_and_the_run_goes_on(project: Project) -> None:
    code = """
        import os, time
        def victim(pids):
            with open(pids, "a") as file:
                file.write(f"{os.getpid()}\\n{os.getppid()}\\n")
            time.sleep(300)
        """
    pids = project.folder / "pids"
    project.step("victim", code, "{pids: {type: string}}")
    project.step("other", "def other():\n    return {'done': True}", outputs="{done: {type: boolean}}")
    flow = project.workflow(f"a: {{uses: ./victim, with: {{pids: {pids}}}}}\nb: {{uses: ./other}}")
    process = project.start("run", flow, "--jobs", "1")
    task, supervisor = _written(pids)
    os.kill(supervisor, signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "a: the step was killed by SIGKILL" in err
    assert "✓ b" in err
    assert _gone([task], within=5)


def test_a_flood_of_output_goes_to_the_log_and_not_through_the_run(project: Project) -> None:
    code = "import os\ndef flood():\n    for _ in range(200):\n        os.write(1, b'\\xff\\x1b[2J' + b'x' * 100_000)\n    raise ValueError('after the flood')"
    project.step("flood", code)
    flow = project.workflow("a: {uses: ./flood}")
    err = project.call("run", flow, code=1).stderr
    assert "after the flood" in err
    assert "\x1b" not in err
    assert len(err) < 100_000
    log = next(project.folder.glob(".lighterage/runs/*/logs/a.0.log"))
    assert log.stat().st_size > 200 * 100_000
