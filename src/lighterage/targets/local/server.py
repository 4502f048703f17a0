"""Fork servers: a process per runtime that imports its heavy modules once and forks for each task.

The run's process stays single-threaded, so forking it is safe. The server speaks lines of JSON over a socket:
``{"start": id, …}`` and ``{"stop": id}`` in, ``{"done": id}`` out.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from ...launching.attempt import flush_and_exit
from .supervisor import supervise

Perform = Callable[[dict[str, Any]], int]
"""Does the work that a job describes, in a process of its own; returns the exit code."""


class Server:
    """The run's end of a fork server."""

    def __init__(self, preload: tuple[str, ...], perform: Perform, log: Path, lifeline: tuple[int, int]) -> None:
        self.socket, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            os.close(lifeline[1])
            _Serving(theirs, perform, lifeline[0]).serve(preload, log)
        theirs.close()
        self._lines = _Lines()

    def start(self, number: int, job: dict[str, Any]) -> None:
        """Starts a job. A server that died tells so through `done`."""
        self._send({"start": number, "job": job})

    def stop(self, number: int) -> None:
        self._send({"stop": number})

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(json.dumps(message).encode() + b"\n")

    def done(self) -> list[int] | None:
        """Numbers of jobs that ended; None when the server itself is gone."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        return [message["done"] for message in self._lines.feed(data)] if data else None

    def close(self) -> None:
        """Ends the server and, through it, what still runs."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # servers that were forked later hold copies of this end
        self.socket.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class _Lines:
    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return (json.loads(line) for line in lines)


class _Serving:
    """The server's own end."""

    def __init__(self, connection: socket.socket, perform: Perform, lifeline: int) -> None:
        self.connection = connection
        self.perform = perform
        self.lifeline = lifeline
        self.supervisors: dict[int, int] = {}

    def serve(self, preload: tuple[str, ...], log: Path) -> NoReturn:
        """Until the run closes its end; never returns into the run's own code."""
        os.setsid()
        with open(log, "ab", 0) as file, open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        wake, self.wake_write = socket.socketpair()
        for end in (wake, self.wake_write):
            end.setblocking(False)
        signal.set_wakeup_fd(self.wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _import(preload)
        gc.freeze()  # forked tasks share these pages: the collector must not touch them
        self._loop(wake)
        os._exit(0)

    def _loop(self, wake: socket.socket) -> None:
        lines = _Lines()
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wake:
                        wake.recv(512)
                        continue
                    data = self.connection.recv(65536)
                    if not data:
                        return self._end_all()
                    for message in lines.feed(data):
                        self._obey(message)
                self._reap()

    def _obey(self, message: dict[str, Any]) -> None:
        if "start" in message:
            self.supervisors[self._fork(message["job"])] = message["start"]
            return
        for pid, number in self.supervisors.items():
            if number == message["stop"]:
                os.kill(pid, signal.SIGTERM)

    def _fork(self, job: dict[str, Any]) -> int:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self.connection.close()
            self.wake_write.close()
            supervise(lambda: self._task(job), Path(job["folder"]), job["timeout"], self.lifeline)
        return pid

    def _task(self, job: dict[str, Any]) -> int:
        """In the task's own process: the log takes what it prints, then the work begins."""
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        try:
            code = self.perform(job)
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 1
        flush_and_exit(code)
        return code

    def _reap(self) -> None:
        while self.supervisors:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self.connection.sendall(json.dumps({"done": self.supervisors.pop(pid)}).encode() + b"\n")

    def _end_all(self) -> None:
        for pid in self.supervisors:
            os.kill(pid, signal.SIGTERM)
        for pid in self.supervisors:
            os.waitpid(pid, 0)


def _import(modules: tuple[str, ...]) -> None:
    """A module that cannot be imported is the task's to report: it knows which step needs it."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
