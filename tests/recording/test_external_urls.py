"""Data that lies in a bucket: it is part of the cache key, and it may change or be out of reach."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Project
from tests.storing.proxy import Fault, Proxy, always
from tests.storing.servers import SERVERS, Server
from tests.storing.test_external import put
from tests.targets.local.test_faults import _gone as gone
from tests.targets.local.test_faults import linux

WAIT = """\
    import pathlib, time
    def wait(source, here):
        pathlib.Path(here, "begun").touch()
        while not pathlib.Path(here, "go").exists():
            time.sleep(0.02)
        return {"done": True}
    """
LOAD = "load: {uses: data/load@1, with: {source: %s}}\nadd: {uses: ./add, with: {value: 1}}"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    with SERVERS[request.param](tmp_path / "served") as server:
        server.lead_to(monkeypatch)
        monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", "2")
        yield server


def test_rows_of_a_bucket(adding: Project, server: Server) -> None:
    url = server.url(uuid4().hex)
    flow = adding.workflow(LOAD % url)
    failure = adding.run(flow, code=1)["by"]["load"]["failure"]
    assert (failure["kind"], failure["message"]) == ("bad_input", f"there is nothing at {url}")

    put(f"{url}/a/1.csv", b"x\n1\n2\n")
    put(f"{url}/2.csv", b"x\n3\n")
    assert adding.run(flow)["by"]["load"]["outputs"]["rows"] == 3
    assert adding.run(flow)["by"]["load"]["cached"]

    put(f"{url}/2.csv", b"x\n4\n")
    assert "external data 'source' changed" in adding.call("plan", flow).stdout
    told = adding.run(flow)
    assert not told["by"]["load"]["cached"] and told["by"]["add"]["cached"]
    assert "external data 'source' changed" in adding.call("why", told["run"], "load").stdout

    server.kill()
    told = adding.run(flow, code=1)["by"]
    assert told["load"]["failure"]["kind"] == "store" and url in told["load"]["failure"]["message"]
    assert told["add"]["status"] == "succeeded", "who needs nothing of it goes on"
    assert url in adding.call("plan", flow).stdout


@linux
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_who_waits_for_a_silent_server_can_be_stopped(
    adding: Project, server: Server, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """By Ctrl-C, which a terminal sends to all of its processes, and by `kill -9`."""
    monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", "600")
    with Proxy(server.port) as proxy:
        server.lead_to(monkeypatch, proxy.port)
        proxy.plan = always(Fault("black hole"))
        process = adding.start("run", adding.workflow(LOAD % server.url("data")), start_new_session=True)
        while process.poll() is None and not proxy.seen:
            time.sleep(0.02)
        asking = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
        process.communicate(timeout=60)
        assert process.returncode == (130 if how == signal.SIGINT else -9)
        assert asking and gone(asking)


def test_a_bucket_that_changes_under_a_task(project: Project, server: Server) -> None:
    url = server.url(uuid4().hex)
    project.step(
        "wait", WAIT, "{source: {type: string, external: true}, here: {type: string}}", "{done: {type: boolean}}"
    )
    flow = project.workflow(f"wait: {{uses: ./wait, with: {{source: {url}/a.csv, here: {project.folder}}}}}")
    put(f"{url}/a.csv", b"one")
    process = project.start("run", flow, "-o", "json")
    while process.poll() is None and not (project.folder / "begun").exists():
        time.sleep(0.02)
    put(f"{url}/a.csv", b"two")
    (project.folder / "go").touch()
    [task] = json.loads(process.communicate(timeout=60)[0])["tasks"]
    assert task["not_kept"] == f"external data 'source', {url}/a.csv, changed while the task ran"

    put(f"{url}/a.csv", b"one")
    assert not project.run(flow)["by"]["wait"]["cached"]
