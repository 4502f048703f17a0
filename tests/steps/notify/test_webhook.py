from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from running import run_step

from lighterage.schemas import BadInput


class Service:
    """A web service on loopback that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.answer = 200
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(service.answer)
                if service.answer == 302:
                    self.send_header("Location", service.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


def test_the_message_arrives(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_URL", service.url)
    for where in ({"url": service.url}, {"url_from": "ALERTS_URL"}):
        assert run_step("notify/webhook", tmp_path, message={"text": "é"}, **where).status == 200
    assert service.told == [{"text": "é"}] * 2


@pytest.mark.parametrize(("answer", "error"), [(404, BadInput), (302, BadInput), (503, OSError), (429, OSError)])
def test_what_may_heal_is_told_from_what_may_not(
    service: Service, tmp_path: Path, answer: int, error: type[Exception]
) -> None:
    service.answer = answer
    with pytest.raises(error, match=str(answer)):
        run_step("notify/webhook", tmp_path, message={}, url=service.url)
    assert len(service.told) == 1


def test_the_address_stands_in_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_URL", "http://127.0.0.1:9/secret-path")
    with pytest.raises(OSError, match="cannot be reached") as told:
        run_step("notify/webhook", tmp_path, message={}, url_from="ALERTS_URL")
    assert "secret-path" not in str(told.value)


@pytest.mark.parametrize("where", [{}, {"url": "http://127.0.0.1/", "url_from": "X"}, {"url_from": "NOT_SET_ANYWHERE"}])
def test_without_one_address_it_says_so(tmp_path: Path, where: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="url_from|NOT_SET_ANYWHERE"):
        run_step("notify/webhook", tmp_path, message={}, **where)
