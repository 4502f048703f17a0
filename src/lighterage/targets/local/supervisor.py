"""One small process above each task: it waits, enforces the time limit, and leaves no descendant behind.

The task's process and whatever it starts are the supervisor's descendants; on Linux orphans come back to it
(`PR_SET_CHILD_SUBREAPER`), so that even a daemon that left its session is found and ended. Elsewhere the process group
is ended. When the run itself disappears, by `kill -9` too, the lifeline pipe closes and the task is ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

EXIT = "exit.json"
GRACE = 5.0
"""seconds between SIGTERM and SIGKILL"""
_PR_SET_CHILD_SUBREAPER = 36


def supervise(task: Callable[[], int], folder: Path, timeout: float | None, lifeline: int) -> NoReturn:
    """Forks, runs ``task`` in the child, and leaves ``exit.json`` in ``folder`` when nothing of it is alive any more."""
    os.setsid()
    become_subreaper()
    wake = _signals_as_bytes()
    child = os.fork()
    if child == 0:
        _become_task(lifeline, wake)
        os._exit(task())
    ended = _watch(child, wake, lifeline, timeout)
    end_descendants(child)
    partial = folder / (EXIT + ".partial")
    partial.write_text(json.dumps(ended))
    partial.replace(folder / EXIT)
    os._exit(0)


def _signals_as_bytes() -> int:
    """SIGCHLD and SIGTERM arrive as bytes in a pipe, beside the lifeline."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return read


def _become_task(lifeline: int, wake: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.close(lifeline)
    os.close(wake)


def _watch(child: int, wake: int, lifeline: int, timeout: float | None) -> dict[str, object]:
    """Waits for the child, or for a reason to end it; returns how it ended."""
    deadline = None if timeout is None else time.monotonic() + timeout
    reason = None
    kill_at: float | None = None
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            return {"code": code, "reason": reason, "peak": peak}
        now = time.monotonic()
        limits = [limit for limit in (deadline if reason is None else None, kill_at) if limit is not None]
        ready, _, _ = select.select(
            [wake, *([lifeline] if reason is None else [])], [], [], max(0.0, min(limits) - now) if limits else None
        )
        signals = os.read(wake, 512) if wake in ready else b""
        if reason is None and (lifeline in ready or signal.SIGTERM in signals):
            reason = "stopped"
        elif reason is None and deadline is not None and time.monotonic() >= deadline:
            reason = "timeout"
        if reason and kill_at is None:
            kill_at = time.monotonic() + GRACE
            _kill_group(child, signal.SIGTERM)
        elif kill_at is not None and time.monotonic() >= kill_at:
            _kill_group(child, signal.SIGKILL)


def _kill_group(child: int, number: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(child, number)
        except (ProcessLookupError, PermissionError):
            continue


def become_subreaper() -> bool:
    """Makes orphaned descendants this process's children. False where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    return ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def end_descendants(child: int) -> None:
    """Kills what the task left running, its process group first, then children until there are none."""
    _kill_group(child, signal.SIGKILL)
    while True:
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """This process's children, as Linux tells them; elsewhere the process group had to do."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []
