"""F10: signals, closed terminals, and children that do not want to go."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from ..conftest import Project
from ..targets.local.test_faults import ORPHANS
from ..targets.local.test_faults import _gone as gone
from ..targets.local.test_faults import _written as written
from .fault import Fault, Result

TELL = "def tell(path):\n    open(path, 'a').write('told')"


class Case(NamedTuple):
    what: str
    signals: tuple[int, ...]
    codes: tuple[int, ...]
    leaves: bool
    """whether what follows the run is done"""


CASES = (
    Case("SIGINT", (signal.SIGINT,), (130,), True),
    Case("SIGINT twice", (signal.SIGINT, signal.SIGINT), (130,), False),
    Case("SIGTERM", (signal.SIGTERM,), (143,), True),
    Case("SIGHUP", (signal.SIGHUP,), (129,), True),
    Case("closed terminal", (), (129,), True),
    Case("SIGKILL", (signal.SIGKILL,), (-9,), False),
)


def stop(seed: int, rounds: int, folder: Path) -> Result:
    """A task that ignores SIGTERM and has a daemon with a session of its own, which ignores it too."""
    if not Path("/proc/self/task").exists():
        pytest.skip("daemons can only be found on Linux")
    chance, result = random.Random(seed), Result()
    for number in range(rounds):
        case = CASES[number % len(CASES)]
        place = folder / f"round-{number}"
        place.mkdir()
        with result.round(f"round {number}: {case.what}"):
            _stopped(Project(place), case, chance.uniform(0, 0.3))
    for number in range(max(1, rounds // 6)):
        result.naive(_naive_leaves_some(folder / f"naive-{number}"))
    return result


def _stopped(project: Project, case: Case, after: float) -> None:
    pids, told = project.folder / "pids", project.folder / "told"
    project.step("orphans", ORPHANS, "{pids: {type: string}, stay: {type: boolean}}")
    project.step("tell", TELL, "{path: {type: string}}")
    project.step("first", "def first():\n    return 1", "{}", "{one: {type: integer}}")
    flow = project.workflow(
        f'first: {{uses: ./first}}\na: {{uses: ./orphans, needs: [first], with: {{pids: {pids}, stay: "${{parameters.stay}}"}}}}',
        head=f"parameters: {{stay: true}}\non_exit: [{{when: always, uses: ./tell, with: {{path: {told}}}}}]\n",
    )
    code, started = _run_and_stop(project, flow, pids, case, after)
    assert code in case.codes, f"exit code {code}"
    assert gone(started, within=20), "somebody survived"
    assert told.exists() or not case.leaves, "what follows the run was not done"
    pids.unlink()
    again = project.run(flow, "-p", "stay=false")
    assert again["by"]["first"]["cached"], "what was done before the signal was lost"
    assert gone(written(pids)), "a daemon survived its step"


def _run_and_stop(project: Project, flow: str, pids: Path, case: Case, after: float) -> tuple[int, list[int]]:
    if not case.signals:
        return _run_and_close_terminal(project, flow, pids, after)
    process = project.start("run", flow, start_new_session=True)
    started = written(pids)
    time.sleep(after)
    for number in case.signals:
        process.send_signal(number)
        time.sleep(0.05)
    process.communicate(timeout=60)
    return process.returncode, started


def _run_and_close_terminal(project: Project, flow: str, pids: Path, after: float) -> tuple[int, list[int]]:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.folder)
        os.execv(sys.executable, [sys.executable, "-m", "lighterage", "run", flow])
    started = written(pids)
    time.sleep(after)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), started


def _naive_leaves_some(folder: Path) -> bool:
    """The naive way: a child is started, asked to go, and killed when it does not. The survivors are ended here."""
    folder.mkdir()
    pids = folder / "pids"
    code = f"exec({dedented(ORPHANS)!r})\norphans({str(pids)!r}, True)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        started = written(pids)
        process.terminate()
        time.sleep(0.2)
        process.kill()
    survived = not gone(started, within=1)
    for pid in started[:]:
        if not gone([pid], within=0):
            os.kill(pid, signal.SIGKILL)
    return survived


def dedented(code: str) -> str:
    from textwrap import dedent

    return dedent(code)


FAULTS = [
    Fault("F10", "stopped by signals and closed terminals, with a task and a daemon that ignore them", stop, 30, 6)
]
