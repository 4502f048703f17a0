"""Finding and ending what a task started and left behind."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@cache
def _libc() -> Any:
    """Loaded once, before processes are forked that need it."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def prepare() -> None:
    """Imports what is needed later, so that forked processes have it."""
    import resource  # noqa: F401  (os.wait4 wants it)

    if sys.platform.startswith("linux"):
        _libc()


def become_subreaper() -> bool:
    """Makes orphaned descendants this process's children. False where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def die_with_parent() -> None:
    """For a child whose supervisor may be killed, as memory runs out. Nothing where the system has no such thing."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def kill_group(leader: int, number: int) -> None:
    """Signals a living child and its group; the child alone in the moment before it has one."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        os.kill(leader, number)


def end_descendants(child: int) -> None:
    """Kills what an ended task left running: its process group first, then children until there are none."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ChildProcessError):  # the way out: there are no more
        while True:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
            for orphan in _children():
                os.kill(orphan, signal.SIGKILL)  # a child that has ended keeps its number until it is waited for
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """This process's children, as Linux tells them; elsewhere the process group had to do."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []
