"""Warm workers: for each set of modules to preload a server, which imports them once, and the supervisors it forks.

The run's process stays single-threaded, so forking it is safe. A worker is the run's end of a supervisor: a job goes
in, an answer comes out, and the worker is free for the next job. Shutting the connection stops it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from ...storing.errors import explained
from .server import serve
from .supervisor import Duties

_CHUNK = 1 << 16
GONE: dict[str, Any] = {"code": -9, "reason": None, "peak": None, "result": None}
"""the answer for a worker that ended without one: the kernel's choice when memory runs out"""


class Worker:
    """The run's end of a supervisor."""

    def __init__(self, preload: tuple[str, ...], connection: socket.socket, folder: Path) -> None:
        self.preload = preload
        self.connection = connection
        self.folder = folder
        self.stopped = False
        self.job: dict[str, Any] = {}
        """the latest"""
        self._line = bytearray()

    def send(self, job: dict[str, Any]) -> None:
        """Starts a job in a folder that is empty. A worker that died tells so through `answer`."""
        with explained(self.folder):
            self.folder.mkdir(exist_ok=True)
        self.job = job = {**job, "folder": str(self.folder)}
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(job).encode() + b"\n")

    def stop(self) -> None:
        """Ends the job, and the worker with it; the answer comes when nothing of the job is left."""
        self.stopped = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def answer(self) -> dict[str, Any] | None:
        """How the job ended; None while the answer is not whole."""
        try:
            data = self.connection.recv(_CHUNK)
        except ConnectionResetError:
            data = b""
        self._line += data
        if data and not data.endswith(b"\n"):
            return None
        line, self._line = self._line, bytearray()
        _empty(self.folder)
        told: dict[str, Any] = json.loads(line) if data else GONE
        return told


def _empty(folder: Path) -> None:
    """Without what a job left. An empty folder stays: to make one anew for each job takes longer."""
    with contextlib.suppress(OSError):
        if any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)


class Workers:
    """Every worker of a run, and the selector that tells which of them have something to say."""

    def __init__(self, duties: Duties, folder: Path, selector: selectors.BaseSelector) -> None:
        self._duties = duties
        self._folder = folder
        self._made = 0
        self._selector = selector
        self._lifeline = os.pipe()
        self._servers: dict[tuple[str, ...], _Server] = {}
        self._all: set[Worker] = set()
        self._idle: dict[tuple[str, ...], list[Worker]] = {}

    def start(self, preload: tuple[str, ...], job: dict[str, Any]) -> Worker:
        """Gives a job to a worker that has these modules, a new one where none is free."""
        idle = self._idle.setdefault(preload, [])
        worker = idle.pop() if idle else self._new(preload)
        worker.send(job)
        return worker

    def _new(self, preload: tuple[str, ...]) -> Worker:
        for _ in range(2):
            server = self._servers.get(preload) or self._start_server(preload)
            connection = server.fork()
            if connection is not None:
                self._made += 1
                worker = Worker(preload, connection, self._folder / str(self._made))
                self._all.add(worker)
                self._selector.register(connection, selectors.EVENT_READ, worker)
                return worker
            self._servers.pop(preload).close(wait=True)  # it was killed, as the largest process is when memory runs out
        raise OSError(f"the process that imports {', '.join(preload) or 'nothing'} ends at once")

    def _start_server(self, preload: tuple[str, ...]) -> _Server:
        log = self._folder / f"server-{len(self._servers)}.log"
        server = self._servers[preload] = _Server(preload, self._duties, log, self._lifeline)
        return server

    def collect(self, worker: Worker) -> dict[str, Any] | None:
        """A worker's answer, if it is whole. The worker is free then, or gone."""
        answer = worker.answer()
        if answer is None:
            return None
        idle = self._idle[worker.preload]
        if answer is GONE:
            self._selector.unregister(worker.connection)
            worker.connection.close()
            self._all.remove(worker)
            if worker in idle:
                idle.remove(worker)
            elif self._duties.clear:
                self._duties.clear(worker.job)
        elif not worker.stopped:
            idle.append(worker)
        return answer

    def close(self) -> None:
        """Ends what still runs and waits until nothing of it is left. Idle workers need no waiting for."""
        idle = sum(map(len, self._idle.values())) == len(self._all)
        for worker in self._all:
            with contextlib.suppress(OSError):
                worker.connection.shutdown(socket.SHUT_RDWR)  # servers that were forked later hold copies of this end
            worker.connection.close()
        for server in self._servers.values():
            server.close(wait=not idle)
        for end in self._lifeline:
            os.close(end)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Server:
    """The run's end of a server."""

    def __init__(self, preload: tuple[str, ...], duties: Duties, log: Path, lifeline: tuple[int, int]) -> None:
        self.connection, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.connection.close()
                os.close(lifeline[1])
                serve(theirs, duties, lifeline[0], preload, log)
            finally:
                os._exit(1)  # nothing goes on as the run
        theirs.close()

    def fork(self) -> socket.socket | None:
        """A connection to a new supervisor; None when the server is gone."""
        try:
            self.connection.sendall(b"+")
            _, ends, _, _ = socket.recv_fds(self.connection, 1, 1)
        except OSError:
            return None
        return socket.socket(fileno=ends[0]) if ends else None

    def close(self, *, wait: bool) -> None:
        """Ends the server once its supervisors have ended; ``wait`` until then."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        if wait:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
