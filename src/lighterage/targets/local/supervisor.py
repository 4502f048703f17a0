"""A small process above each task: it forks the task, enforces the time limit, and leaves no descendant behind.

The task's process and whatever it starts are the supervisor's descendants; on Linux orphans come back to it
(`PR_SET_CHILD_SUBREAPER`), so that even a daemon that left its session is found and ended. Elsewhere the process group
is ended. When nothing of a task is left, the supervisor tells how it went and takes the next one; the process for that
is forked ahead, while the run prepares the task. When the run itself disappears, by `kill -9` too, the lifeline pipe
closes and the task is ended.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

from ...launching.attempt import exit_code_of
from .descendants import become_subreaper, die_with_parent, end_descendants, kill_group

Perform = Callable[[dict[str, Any]], dict[str, Any]]
"""Does the work that a job describes; returns its result."""


class Duties(NamedTuple):
    """What is done for each job."""

    perform: Perform
    """in a process of its own"""
    clear: Callable[[dict[str, Any]], None] | None = None
    """ends what that process started and is no descendant of it, where it could not do so itself"""


GRACE = 5.0
"""seconds between SIGTERM and SIGKILL"""
_CHUNK = 1 << 16
_ENDING = {signal.SIGTERM}


def supervise(connection: socket.socket, duties: Duties, lifeline: int) -> NoReturn:
    """Takes jobs from the connection, a line of JSON each, and answers each with a line, until it is shut."""
    os.setsid()
    become_subreaper()
    supervisor = _Supervisor(connection, duties, lifeline)
    while True:
        child = _Child(supervisor)
        job = supervisor.next_job()
        if job is None:
            os._exit(0)  # and the child finds its pipe closed
        answer = supervisor.run(child, job)
        with contextlib.suppress(OSError):  # a run that has gone needs no answer
            connection.sendall(json.dumps(answer).encode() + b"\n")


class _Supervisor:
    def __init__(self, connection: socket.socket, duties: Duties, lifeline: int) -> None:
        self.connection = connection
        self.duties = duties
        self.lifeline = lifeline
        self.wake = _signals_as_bytes()

    def next_job(self) -> bytes | None:
        """A line of JSON; None when the run has shut its end, or is gone."""
        line = bytearray()
        while not line.endswith(b"\n"):
            if self._told_to_stop(_readable([self.wake, self.lifeline, self.connection.fileno()])):
                return None
            try:
                data = self.connection.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except ConnectionResetError:  # killed before it had read an answer; its lifeline may close a moment later
                return None
            if not data:
                return None
            line += data
        return bytes(line)

    def forget(self) -> None:
        """In a forked process, which must not hold what is the supervisor's."""
        signal.set_wakeup_fd(-1)
        self.connection.close()
        os.close(self.lifeline)
        os.close(self.wake)

    def _told_to_stop(self, ready: set[int]) -> bool:
        signals = os.read(self.wake, 512) if self.wake in ready else b""
        return self.lifeline in ready or signal.SIGTERM in signals

    def run(self, child: _Child, job: bytes) -> dict[str, Any]:
        """One task, to the end of its last descendant: how it ended, and the result it gave."""
        about = json.loads(job)
        timeout = about["timeout"]
        child.give(job)
        ended = self._watch(child, None if timeout is None else time.monotonic() + timeout)
        result = child.result()
        if result is None and self.duties.clear:
            self.duties.clear(about)
        end_descendants(child.pid)
        return {**ended, "result": result}

    def _watch(self, child: _Child, until: float | None) -> dict[str, Any]:
        """Waits for the child, or for a reason to end it; returns how it ended."""
        reason: str | None = None
        while True:
            done, status, usage = os.wait4(child.pid, os.WNOHANG)
            child.drain()
            if done:
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                return {"code": os.waitstatus_to_exitcode(status), "reason": reason, "peak": peak}
            asks = () if reason else (self.lifeline, self.connection.fileno())
            ready = _readable([self.wake, *child.ends(), *asks], until)
            late = until is not None and time.monotonic() >= until
            if reason and late:
                kill_group(child.pid, signal.SIGKILL)
                until = None
            elif not reason and (stop := self._told_to_stop(ready) or self.connection.fileno() in ready) | late:
                reason = "stopped" if stop else "timeout"
                kill_group(child.pid, signal.SIGTERM)
                until = time.monotonic() + GRACE


class _Child:
    """A process that waits for its task, and the pipes that bring the task and take its result.

    That others hold the result's pipe too, a step's own children say, does not matter.
    """

    def __init__(self, supervisor: _Supervisor) -> None:
        job, self._job = os.pipe()
        self._result, result = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # the child would take one as its supervisor does: as a byte
        self.pid = os.fork()
        if self.pid == 0:
            try:
                supervisor.forget()
                os.close(self._job)
                os.close(self._result)
                _do_task(supervisor.duties.perform, job, result)
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        os.close(job)
        os.close(result)
        os.set_blocking(self._result, False)
        self._data = bytearray()
        self._open = True

    def give(self, job: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), open(self._job, "wb") as pipe:  # one that was killed is found out
            pipe.write(job)

    def ends(self) -> tuple[int, ...]:
        return (self._result,) if self._open else ()

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._result, _CHUNK):
                self._data += data
            self._open = False

    def result(self) -> dict[str, Any] | None:
        """None when the process ended before it had given one whole."""
        os.close(self._result)
        try:
            result: dict[str, Any] = json.loads(self._data)
        except ValueError:
            return None
        return result


def _do_task(perform: Perform, job_pipe: int, result_pipe: int) -> NoReturn:
    """In the task's own process: the log takes what it prints, then the work begins."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    os.setpgid(0, 0)
    die_with_parent()
    with open(job_pipe, "rb") as pipe:
        line = pipe.readline()
    if not line:
        os._exit(0)
    code = 1
    try:
        job = json.loads(line)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        result = perform(job)
        with open(result_pipe, "wb") as pipe:
            pipe.write(json.dumps(result).encode())
        code = exit_code_of(result)
    except BaseException:
        import traceback

        with contextlib.suppress(Exception):  # nothing may leave this function: below it is the supervisor's own work
            traceback.print_exc()
    _flush_and_exit(code)


def _readable(ends: Iterable[int], until: float | None = None) -> set[int]:
    """Which of these can be read, or were shut; waits for one until a time of the monotonic clock."""
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    left = None if until is None else max(0, math.ceil((until - time.monotonic()) * 1000))
    return {end for end, _ in poll.poll(left)}


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


def _flush_and_exit(code: int) -> NoReturn:
    """Ends a forked process at once: no exit handler of a library that belongs to its parent runs."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)
