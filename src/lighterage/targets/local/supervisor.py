"""A small process above each task: it forks the task, enforces the time limit, and leaves no descendant behind.

The task's process and whatever it starts are the supervisor's descendants; on Linux orphans come back to it
(`PR_SET_CHILD_SUBREAPER`), so that even a daemon that left its session is found and ended. Elsewhere the process group
is ended. When nothing of a task is left, the supervisor tells how it went and takes the next one. When the run itself
disappears, by `kill -9` too, the lifeline pipe closes and the task is ended.
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
from typing import Any, NoReturn

from ...launching.attempt import exit_code_of
from .descendants import become_subreaper, end_descendants, kill_group

Perform = Callable[[dict[str, Any]], dict[str, Any]]
"""Does the work that a job describes; returns its result."""

GRACE = 5.0
"""seconds between SIGTERM and SIGKILL"""
_CHUNK = 1 << 16


def supervise(connection: socket.socket, perform: Perform, lifeline: int) -> NoReturn:
    """Takes jobs from the connection, a line of JSON each, and answers each with a line, until it is shut."""
    os.setsid()
    become_subreaper()
    supervisor = _Supervisor(connection, perform, lifeline)
    while (job := supervisor.next_job()) is not None:
        answer = supervisor.run(job)
        with contextlib.suppress(OSError):  # a run that has gone needs no answer
            connection.sendall(json.dumps(answer).encode() + b"\n")
    os._exit(0)


class _Supervisor:
    def __init__(self, connection: socket.socket, perform: Perform, lifeline: int) -> None:
        self.connection = connection
        self.perform = perform
        self.lifeline = lifeline
        self.wake = _signals_as_bytes()

    def next_job(self) -> dict[str, Any] | None:
        """None when the run has shut its end, or is gone."""
        line = bytearray()
        while not line.endswith(b"\n"):
            if self._told_to_stop(_readable([self.wake, self.lifeline, self.connection.fileno()])):
                return None
            with contextlib.suppress(BlockingIOError):
                data = self.connection.recv(_CHUNK, socket.MSG_DONTWAIT)
                if not data:
                    return None
                line += data
        job: dict[str, Any] = json.loads(line)
        return job

    def _told_to_stop(self, ready: set[int]) -> bool:
        signals = os.read(self.wake, 512) if self.wake in ready else b""
        return self.lifeline in ready or signal.SIGTERM in signals

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """One task, from its fork to the end of its last descendant: how it ended, and the result it gave."""
        pipe = _ResultPipe()
        child = os.fork()
        if child == 0:
            self._become_task(job, pipe)
        os.close(pipe.write)
        ended = self._watch(child, job["timeout"], pipe)
        end_descendants(child)
        os.close(pipe.read)
        return {**ended, "result": pipe.result()}

    def _become_task(self, job: dict[str, Any], pipe: _ResultPipe) -> NoReturn:
        """In the task's own process: the log takes what it prints, then the work begins."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        self.connection.close()
        for end in (self.lifeline, self.wake, pipe.read):
            os.close(end)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        code = 1
        try:
            result = self.perform(job)
            with open(pipe.write, "wb") as file:
                file.write(json.dumps(result).encode())
            code = exit_code_of(result)
        except BaseException:
            import traceback

            traceback.print_exc()
        _flush_and_exit(code)

    def _watch(self, child: int, timeout: float | None, pipe: _ResultPipe) -> dict[str, Any]:
        """Waits for the child, or for a reason to end it; returns how it ended."""
        until = None if timeout is None else time.monotonic() + timeout
        reason: str | None = None
        while True:
            done, status, usage = os.wait4(child, os.WNOHANG)
            pipe.drain()
            if done:
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                return {"code": os.waitstatus_to_exitcode(status), "reason": reason, "peak": peak}
            asks = () if reason else (self.lifeline, self.connection.fileno())
            ready = _readable([self.wake, *pipe.ends(), *asks], until)
            late = until is not None and time.monotonic() >= until
            if reason and late:
                kill_group(child, signal.SIGKILL)
                until = None
            elif not reason and (stop := self._told_to_stop(ready) or self.connection.fileno() in ready) | late:
                reason = "stopped" if stop else "timeout"
                kill_group(child, signal.SIGTERM)
                until = time.monotonic() + GRACE


class _ResultPipe:
    """Brings a task's result. That others hold its other end too, a step's own children say, does not matter."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.read, False)
        self.data = bytearray()
        self.open = True

    def ends(self) -> tuple[int, ...]:
        return (self.read,) if self.open else ()

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.read, _CHUNK):
                self.data += data
            self.open = False

    def result(self) -> dict[str, Any] | None:
        """None when the process ended before it had given one whole."""
        try:
            result: dict[str, Any] = json.loads(self.data)
        except ValueError:
            return None
        return result


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
