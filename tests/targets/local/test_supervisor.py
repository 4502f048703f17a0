"""The process above each task, when the run above it goes away."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path

from lighterage.targets.local.descendants import prepare
from lighterage.targets.local.supervisor import Duties, supervise


def _supervisor(connection: socket.socket, other: socket.socket, lifeline: int) -> int:
    """In a process of its own; its number."""
    child = os.fork()
    if child == 0:
        try:
            other.close()
            prepare()
            supervise(connection, Duties(lambda job: {"outputs": {}}), lifeline)
        finally:
            os._exit(99)
    connection.close()
    return child


def test_a_run_that_is_killed_before_it_has_read_an_answer_is_gone_all_the_same(tmp_path: Path) -> None:
    """Its end of the connection is reset then, and the kernel may close that before the lifeline."""
    ours, theirs = socket.socketpair()
    lifeline, held = os.pipe()
    child = _supervisor(theirs, ours, lifeline)
    ours.sendall(json.dumps({"log": str(tmp_path / "log"), "timeout": None}).encode() + b"\n")
    assert select.select([ours], [], [], 60)[0], "there is no answer"
    ours.close()
    until = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.02)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.close(held)
    os.close(lifeline)
    assert ended == (child, 0)
