"""A bucket for a process that forks. Storage libraries have threads, which a fork loses and may find holding a lock:
a process of their own has them, and answers through sockets what this one asks."""

from __future__ import annotations

import io
import os
import pickle
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .backend import Backend, Listed
from .errors import StoreError

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


class AsideBackend:
    """Asks a child process for each operation. In processes forked from this one nobody is asked: they make a back
    end of their own when they first need one."""

    root: Path | None = None

    def __init__(self, make: Callable[[], Backend], url: str, parallel: int) -> None:
        self.url = url
        self.parallel = parallel
        self._make = make
        self._owner = os.getpid()
        self._own: tuple[int, Backend] | None = None
        self._lines = threading.local()
        self._door, theirs = socket.socketpair()
        if os.fork() == 0:
            try:
                self._door.close()
                _serve(theirs, make)
            finally:
                os._exit(1)
        theirs.close()

    def read(self, key: str) -> bytes:
        return self._do("read", key)

    def create(self, key: str, data: bytes, *, sync: bool = True) -> bool:
        return self._do("create", key, data, sync=sync)

    def replace(self, key: str, data: bytes) -> None:
        self._do("replace", key, data)

    def replace_file(self, key: str, source: Path) -> None:
        self._do("replace_file", key, source)

    def publish(self, source: Path) -> tuple[str, int]:
        return self._do("publish", source)

    def publish_bytes(self, digest: str, data: bytes) -> None:
        self._do("publish_bytes", digest, data)

    def stage(self, key: str, destination: Path, executable: bool = False) -> str:
        return self._do("stage", key, destination.absolute(), executable)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.read(key)) if os.getpid() == self._owner else self._here().open(key)

    def look(self, key: str) -> Listed | None:
        return self._do("look", key)

    def list(self, prefix: str) -> Iterator[str]:
        yield from self._do("list", prefix)

    def entries(self, prefix: str) -> Iterator[Listed]:
        yield from self._do("entries", prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        yield from self._do("folders", prefix)

    def remove(self, key: str) -> None:
        self._do("remove", key)

    def set_aside(self, key: str) -> None:
        self._do("set_aside", key)

    def _do(self, name: str, *given: Any, **named: Any) -> Any:
        if os.getpid() != self._owner:
            return getattr(self._here(), name)(*given, **named)
        line = self._line()
        try:
            _send(line, (name, given, named))
            error, result = _receive(line)
        except (OSError, EOFError):
            raise StoreError(f"{self.url}: the process that talks to this store has ended") from None
        if error is not None:
            raise error
        return result

    def _line(self) -> socket.socket:
        """This thread's connection: threads ask side by side."""
        if not hasattr(self._lines, "socket"):
            self._lines.socket, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(self._door, [b"+"], [theirs.fileno()])
        found: socket.socket = self._lines.socket
        return found

    def _here(self) -> Backend:
        if self._own is None or self._own[0] != os.getpid():
            self._own = os.getpid(), self._make()
        return self._own[1]


def _serve(door: socket.socket, make: Callable[[], Backend]) -> NoReturn:
    """Answers each connection that comes through the door in a thread of its own, until nobody holds the other end."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides when it ends
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(os.devnull, "r+b", 0) as nothing:
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    shared = _Shared(make)
    with suppress(OSError):
        while True:
            _, ends, _, _ = socket.recv_fds(door, 1, 1)
            if not ends:
                break
            threading.Thread(target=_answer, args=(socket.socket(fileno=ends[0]), shared), daemon=True).start()
    os._exit(0)


class _Shared:
    """One back end for all threads, made by the first: what is wrong with its settings is an answer like any other."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._backend: Backend | None = None

    def get(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = self._make()
            return self._backend


def _answer(line: socket.socket, shared: _Shared) -> None:
    with line, suppress(OSError, EOFError):
        while True:
            name, given, named = _receive(line)
            answer: tuple[Exception | None, Any]
            try:
                result = getattr(shared.get(), name)(*given, **named)
                answer = (None, list(result) if name in ("list", "entries", "folders") else result)
            except (StoreError, OSError) as error:
                answer = (error, None)
            except Exception as error:
                answer = (StoreError(f"{name}: {type(error).__name__}: {error}"), None)
            _send(line, answer)


def _send(line: socket.socket, message: Any) -> None:
    data = pickle.dumps(message)
    line.sendall(_LENGTH.pack(len(data)) + data)


def _receive(line: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    return pickle.loads(_exactly(line, length))


def _exactly(line: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        got = line.recv(min(_CHUNK, count - len(data)))
        if not got:
            raise EOFError
        data += got
    return bytes(data)
