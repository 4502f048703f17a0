"""F3: a step that is killed, breaks or runs out of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ..conftest import Project
from .fault import Fault, Result


class End(NamedTuple):
    what: str
    code: str
    told: str
    """what the failure must say"""


ENDS = (
    End("SIGKILL", "os.kill(os.getpid(), 9)", "SIGKILL"),
    End("SIGSEGV", "os.kill(os.getpid(), 11)", "SIGSEGV"),
    End("abort", "os.abort()", "SIGABRT"),
    End("SIGTERM", "os.kill(os.getpid(), 15)", "SIGTERM"),
    End("SIGXCPU", "resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass", "SIGXCPU"),
    End("no memory", "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\nbytearray(2 << 30)", "MemoryError"),
    End("exit 3", "os._exit(3)", "3"),
    End("exit 0 without a word", "os._exit(0)", "0"),
)


def end_the_step(seed: int, rounds: int, folder: Path) -> Result:
    """It has written its output by then. It must have failed, by name, and not be in the cache. No chance in it."""
    result = Result()
    for number in range(rounds):
        one = ENDS[number % len(ENDS)]
        place = folder / f"round-{number}"
        place.mkdir()
        with result.round(one.what):
            _fails(Project(place), one)
        result.naive(_naive_is_done(place, one))
    return result


def _body(one: End) -> str:
    lines = ["import os, resource", "open(page, 'w').write('half')", *one.code.splitlines()]
    return "".join(f"    {line}\n" for line in lines)


def _fails(project: Project, one: End) -> None:
    project.step("broken", f"def broken(page):\n    page = page.path\n{_body(one)}", outputs="{page: {type: file}}")
    project.step("fine", "def fine():\n    return 1", outputs="{one: {type: integer}}")
    flow = project.workflow("broken: {uses: ./broken}\nfine: {uses: ./fine}")
    for again in (False, True):
        by = project.run(flow, code=1)["by"]
        assert by["broken"]["status"] == "failed" and not by["broken"]["cached"], by["broken"]
        assert one.told in str(by["broken"]["failure"]), f"the failure says {by['broken']['failure']}"
        assert by["fine"]["status"] == "succeeded" and by["fine"]["cached"] == again, by["fine"]


def _naive_is_done(place: Path, one: End) -> bool:
    """The naive way: an output that is there counts as made."""
    page = place / "page"
    code = f"def broken(page):\n{_body(one)}\nbroken({str(page)!r})"
    subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=False)
    return page.exists()


FAULTS = [Fault("F3", "a step killed, aborted, out of memory, gone without a word", end_the_step, 32, 8)]
