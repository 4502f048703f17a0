"""A fork server: imports a runtime's heavy modules once, and forks a supervisor whenever it is asked for one."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
from pathlib import Path
from typing import NoReturn

from . import descendants
from .supervisor import Duties, supervise


def serve(connection: socket.socket, duties: Duties, lifeline: int, preload: tuple[str, ...], log: Path) -> NoReturn:
    """Answers each byte with the descriptor of a connection to a new supervisor, until the run shuts its end."""
    os.setsid()
    _redirect(log)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    descendants.prepare()
    _import(preload)
    gc.freeze()  # forked tasks share these pages: the collector must not touch them
    with contextlib.suppress(OSError):
        while connection.recv(1):
            _fork(connection, duties, lifeline)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    os._exit(0)


def _fork(connection: socket.socket, duties: Duties, lifeline: int) -> None:
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        try:
            connection.close()
            theirs.close()
            supervise(ours, duties, lifeline)
        finally:
            os._exit(1)  # nothing goes on as the server
    socket.send_fds(connection, [b"+"], [theirs.fileno()])
    ours.close()
    theirs.close()


def _redirect(log: Path) -> None:
    """What a module says while it is imported goes to a file; there is no input."""
    with open(log, "ab", 0) as file, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _import(modules: tuple[str, ...]) -> None:
    """A module that cannot be imported is the task's to report: it knows which step needs it."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
