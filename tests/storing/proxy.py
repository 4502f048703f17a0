"""A proxy before a storage server, which does to requests what networks do. One request a connection."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

CHUNK = 1 << 16


class Request(NamedTuple):
    method: str
    path: str
    number: int
    """how many came before"""


class Fault(NamedTuple):
    """What happens to a request. ``amount`` is seconds, bytes or a status."""

    kind: str
    amount: float = 0


Plan = Callable[[Request], Fault | None]


def unharmed(request: Request) -> Fault | None:
    return None


def always(fault: Fault) -> Plan:
    return lambda request: fault


def once(fault: Fault, method: str, path: str = "") -> Plan:
    """The first request of that method with that text in its path."""
    left = [fault]
    return lambda request: left.pop() if left and request.method == method and path in request.path else None


def sometimes(faults: list[Fault], rate: float, seed: int) -> Plan:
    chance = random.Random(seed)
    return lambda request: chance.choice(faults) if chance.random() < rate else None


FAULTS = [
    Fault("latency", 0.3),
    Fault("cut answer", 600),
    Fault("cut answer", 1_000_000),
    Fault("cut request", 300),
    Fault("cut request", 1_000_000),
    Fault("reset", 0),
    Fault("status", 503),
    Fault("status", 500),
    Fault("status", 429),
    Fault("lost answer"),
]


class Proxy:
    """Stands on a port of its own until it is closed. ``plan`` may be changed at any time."""

    def __init__(self, to: int, plan: Plan = unharmed) -> None:
        self.to = to
        self.plan = plan
        self.seen: list[tuple[Request, Fault | None]] = []
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listening.close()

    def harmed(self) -> int:
        return sum(fault is not None for _, fault in self.seen)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError):
            head, rest = _head(client)
            method, path = head.split(b" ", 2)[:2]
            request = Request(method.decode(), path.decode(), len(self.seen))
            fault = self.plan(request)
            self.seen.append((request, fault))
            self._pass_on(client, head, rest, fault or Fault("none"))

    def _pass_on(self, client: socket.socket, head: bytes, rest: bytes, fault: Fault) -> None:
        kind, amount = fault
        if kind == "black hole":
            self._closing.wait(60)
            return
        if kind == "latency":
            time.sleep(amount)
        if kind == "reset":
            _reset(client)
            return
        if re.search(rb"(?i)\r\nexpect: *100-continue", head):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if kind == "status":
            _read_body(client, head, rest)
            client.sendall(_refusal(int(amount)))
            return
        with socket.create_connection(("127.0.0.1", self.to), 10) as server:
            server.settimeout(30)
            server.sendall(_one_request_only(head))
            _copy_body(client, server, head, rest, int(amount) if kind == "cut request" else None)
            if kind == "cut request":
                _reset(client)
            elif kind == "lost answer":
                server.recv(CHUNK)  # it was done
                _reset(client)
            else:
                _copy_answer(server, client, kind, int(amount))


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(CHUNK)
        if not more:
            raise ValueError("no request")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _one_request_only(head: bytes) -> bytes:
    head = re.sub(rb"(?i)\r\n(?:connection|expect):[^\r]*", b"", head)
    return head[:-2] + b"Connection: close\r\n\r\n"


def _copy_body(client: socket.socket, server: socket.socket, head: bytes, rest: bytes, most: int | None) -> None:
    for data in _body(client, head, rest):
        if most is not None and len(data) >= most:
            server.sendall(data[:most])
            return
        most = most if most is None else most - len(data)
        server.sendall(data)


def _read_body(client: socket.socket, head: bytes, rest: bytes) -> None:
    for _ in _body(client, head, rest):
        pass


def _body(client: socket.socket, head: bytes, rest: bytes):  # type: ignore[no-untyped-def]
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    left = int(length[1]) if length else 0
    chunked = re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head)
    while rest or left or chunked:
        data = rest or client.recv(CHUNK)
        rest = b""
        if not data:
            return
        left = max(0, left - len(data))
        yield data
        if chunked and data.endswith(b"0\r\n\r\n"):
            return


def _copy_answer(server: socket.socket, client: socket.socket, kind: str, amount: int) -> None:
    sent = 0
    while data := server.recv(CHUNK):
        if kind == "cut answer" and sent + len(data) > amount:
            client.sendall(data[: max(0, amount - sent)])
            return
        if kind == "flip" and sent <= amount < sent + len(data):
            data = bytearray(data)
            data[amount - sent] ^= 1
        client.sendall(data)
        sent += len(data)


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _refusal(status: int) -> bytes:
    body = (
        b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    )
    return (
        f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body
