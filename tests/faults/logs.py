"""F9: what steps print: too much, without an end, in no alphabet, to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from ..conftest import Project
from .fault import Fault, Result

ROOM = 64 << 20
"""bytes that the run's process may grow by while a step prints"""


class Flood(NamedTuple):
    what: str
    code: str
    size: int
    """bytes that must be in the log"""


def _floods(scale: int) -> list[Flood]:
    """``scale`` is 1000 for a thousand megabytes of output."""
    lines, mega = max(10_000, scale * 100), 1_000_000
    return [
        Flood(
            f"{scale} MB",
            f"for _ in range({scale * 10}):\n    write(1, b'0123456789abcde\\n' * 6250)",
            scale * mega,
        ),
        Flood(
            f"{scale // 10 or 1} MB without a line's end",
            f"for _ in range({scale // 10 or 1}):\n    write(1, b'x' * {mega})",
            (scale // 10 or 1) * mega,
        ),
        Flood("bytes that are no text", "write(1, bytes(range(256)) * 400 + b'\\xff\\xfe\\x00')", 256 * 400 + 3),
        Flood("a terminal's commands", "write(1, b'\\x1b[2J\\x1b]0;title\\x07\\x1b[31m' * 1000)", 19 * 1000),
        Flood("a closed stdout", "import os\nwrite(1, b'before')\nos.close(1)\nos.close(2)", 6),
        Flood(
            f"{lines} lines", f"import os\nfor number in range({lines}):\n    write(1, b'%09d\\n' % number)", lines * 10
        ),
    ]


WRITE = """\
    def write(to, data):
        import os
        left = memoryview(data)
        while left:
            left = left[os.write(to, left):]
    """


def flood(seed: int, rounds: int, folder: Path) -> Result:
    """Of each round's megabytes all must be in the log, and the run's process must stay small. No chance in it."""
    project, result = Project(folder), Result()
    calm = _memory_of_a_run(project, Flood("nothing", "pass", 0))
    most = 0
    for one in _floods(rounds):
        with result.round(one.what):
            grown = _memory_of_a_run(project, one) - calm
            most = max(most, grown)
            assert grown < ROOM, f"the run grew by {grown >> 20} MB"
            log = _log(folder)
            assert one.size <= log.stat().st_size < one.size + 300, (
                f"{log.stat().st_size} of {one.size} bytes are in the log"
            )
            log.unlink()
        result.naive(_naive_suffers(one))
    result.note = f"up to {rounds} MB each; the run grew by {max(0, most) >> 20} MB at most"
    return result


def _log(folder: Path) -> Path:
    return max(folder.glob(".lighterage/runs/*/logs/a.0.log"), key=lambda place: place.stat().st_mtime_ns)


def _memory_of_a_run(project: Project, one: Flood) -> int:
    """Most bytes that the run's own process held. It fails on purpose, so that it reads the end of the log."""
    code = f"{textwrap.dedent(WRITE)}\ndef flood():\n{textwrap.indent(one.code, '    ')}\n    raise SystemExit(3)\n"
    project.step("flood", code)
    flow = project.workflow("a: {uses: ./flood}")
    process = subprocess.Popen(
        [sys.executable, "-m", "lighterage", "run", flow],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1 and b"exit code 3" in said, f"exit code {process.returncode}: {said[-300:]!r}"
    assert b"\x1b" not in said and len(said) < 200_000, "it came through to the terminal"
    return used.ru_maxrss * 1024


NAIVE = """
import resource, subprocess, sys
said = subprocess.run([sys.executable, "-c", sys.stdin.read()], stdout=subprocess.PIPE).stdout.decode()
sys.exit(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > int(sys.argv[1]))
"""
"""Takes all that was printed for a text, into memory."""


def _naive_suffers(one: Flood) -> bool:
    code = f"{textwrap.dedent(WRITE)}\n{one.code}"
    done = subprocess.run(
        [sys.executable, "-c", NAIVE, str(ROOM + (16 << 20))],
        input=code.encode(),
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode != 0


FAULTS = [Fault("F9", "output without end, without lines, without letters, to nobody", flood, 1000, 20)]
