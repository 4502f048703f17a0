"""What a pod prints, kept in the store as well: a pod is deleted some day, and its log with it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from ..storing import Store, StoreError

_PATIENCE = 2.0
"""seconds that what a step left running in the background may still print"""
_CHUNK = 1 << 16


@contextlib.contextmanager
def kept(store: Store, run: str, task: str, index: int) -> Iterator[None]:
    """What this process and its children print meanwhile goes on to stdout, and in the end into the task's log."""
    with tempfile.NamedTemporaryFile(prefix="log-") as file:
        with _copied_to(file.fileno()):
            yield
        keep(store, run, task, index, Path(file.name))


def keep(store: Store, run: str, task: str, index: int, log: Path) -> None:
    """Puts a log in the store; a store that does not take it is no reason for the task to fail."""
    try:
        if log.stat().st_size:
            store.put_log(run, task, index, log)
    except (OSError, StoreError) as error:
        print(f"the log could not be kept: {error}", file=sys.stderr)


@contextlib.contextmanager
def _copied_to(file: int) -> Iterator[None]:
    """By a process of its own: a library that prints while it holds Python's lock would wait for a thread for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    reading, writing = os.pipe()
    copier = os.fork()
    if copier == 0:
        try:
            os.close(writing)
            _copy(reading, out, file)
        finally:
            os._exit(1)
    os.close(reading)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        _await(copier)


def _copy(source: int, *places: int) -> NoReturn:
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # what the task says when it is stopped counts too
    while chunk := os.read(source, _CHUNK):
        for place in places:
            with contextlib.suppress(OSError):
                os.write(place, chunk)
    os._exit(0)


def _await(copier: int) -> None:
    until = time.monotonic() + _PATIENCE
    while os.waitpid(copier, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(copier, signal.SIGKILL)
            os.waitpid(copier, 0)
            return
        time.sleep(0.002)
