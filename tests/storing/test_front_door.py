"""A whole workflow with its store in a bucket: the same digests as in a folder, and the same cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ..conftest import Project
from .servers import SERVERS, Server, fake_gcs, moto, versitygw

DIGITS = Path(__file__).parents[2] / "workflows/digits.yaml"
FLOW = """
    rows:
      uses: ./make
      with: {many: 40}
    total:
      uses: ./count
      with: {rows: "${rows.rows}"}
    """
MAKE = """
def make(many, rows):
    rows.path.mkdir()
    for number in range(many):
        (rows.path / f"{number}.txt").write_text(str(number))
    print("made", many)
    return None
"""
WAIT = """
import time
from pathlib import Path

def wait(rows, until):
    Path(until + ".waiting").touch()
    while not Path(until).exists():
        time.sleep(0.05)
    return sum(int(file.read_text()) for file in rows.path.iterdir())
"""
COUNT = """
def count(rows):
    return sum(int(file.read_text()) for file in rows.path.iterdir())
"""


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    with SERVERS[request.param](tmp_path / "served") as server:
        server.lead_to(monkeypatch)
        yield server


@pytest.fixture
def counting(project: Project) -> Project:
    project.step("make", MAKE, "{many: {type: integer}}", "{rows: {type: folder}}")
    project.step("count", COUNT, "{rows: {type: folder}}", "{sum: {type: integer}}")
    project.workflow(FLOW)
    return project


def test_a_bucket_is_a_store_like_any_other(server: Server, counting: Project) -> None:
    url = server.url(uuid4().hex)
    here = counting.run("flow.yaml")
    assert "no store" not in counting.call("plan", "flow.yaml", "--store", url).stderr
    there = counting.run("flow.yaml", "--store", url)
    assert there["by"]["total"]["outputs"] == {"sum": 780}
    assert there["by"]["rows"]["outputs"]["rows"]["digest"] == here["by"]["rows"]["outputs"]["rows"]["digest"]
    assert there["by"]["rows"]["outputs"]["rows"]["uri"].startswith(f"{url}/objects/sha256/")

    again = counting.run("flow.yaml", "--store", url)
    assert [one["cached"] for one in again["tasks"]] == [True, True]

    assert "made 40" in counting.call("logs", there["run"], "rows", "--store", url).stdout
    assert there["run"] in counting.call("runs", "--store", url).stdout
    counting.call("get", f"{there['run']}", "rows.rows", "copy", "--store", url)
    assert (counting.folder / "copy" / "7.txt").read_text() == "7"


@pytest.mark.faults
def test_a_server_that_dies_during_a_run_and_comes_back(
    counting: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the first task works; the run goes on as if nothing had been when it is back soon, and when it is
    not, running again is resuming. fake-gcs-server keeps its objects on disk."""
    counting.step("wait", WAIT, "{rows: {type: folder}, until: {type: string}}", "{sum: {type: integer}}")
    counting.workflow(
        FLOW
        + """
    later:
      uses: ./wait
      with: {rows: "${rows.rows}", until: "%s"}
    """
        % (tmp_path / "go")
    )
    (tmp_path / "served").mkdir()
    with fake_gcs(tmp_path / "served") as server:
        server.lead_to(monkeypatch)
        monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", "30")
        url = server.url(uuid4().hex)
        running = counting.start("run", "flow.yaml", "--store", url, "-o", "json")
        _until(lambda: (tmp_path / "go.waiting").exists())
        server.kill()
        (tmp_path / "go").touch()
        server.start_again()
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
        assert json.loads(out)["status"] == "succeeded"

        again = counting.run("flow.yaml", "--store", url)
        assert all(one["cached"] for one in again["tasks"])
        server.kill()
        said = counting.call("runs", "--store", url, code=4).stderr
        assert "Traceback" not in said and url.rpartition("/")[0] in said


@pytest.mark.tensorflow
@pytest.mark.faults
@pytest.mark.parametrize("kind", ["moto", "versitygw", "fake-gcs-server"])
def test_digits_gives_in_a_bucket_what_it_gives_in_a_folder(
    kind: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers that keep their objects on disk are killed twice on the way, and started again. moto keeps them in memory."""
    monkeypatch.setenv("LIGHTERAGE_STORE_TIMEOUT", "30")
    arguments = [str(DIGITS), "-p", "epochs=1", "-o", "json"]
    here = project.run(*arguments[:3], "--store", str(tmp_path / "here"))
    servers: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
        "moto": lambda folder: moto(),
        "versitygw": versitygw,
        "fake-gcs-server": fake_gcs,
    }
    (tmp_path / "served").mkdir()
    with servers[kind](tmp_path / "served") as server:
        server.lead_to(monkeypatch)
        url = server.url("digits")
        running = project.start("run", *arguments, "--store", url)
        for _ in range(2 if kind != "moto" else 0):
            time.sleep(3)
            server.kill()
            time.sleep(0.5)
            server.start_again()
        out, err = running.communicate(timeout=300)
        assert running.returncode == 0, err
        there = json.loads(out)
        assert _digests(there["tasks"]) == _digests(here["tasks"])
        again = project.run(*arguments[:3], "--store", url)
        assert all(one["cached"] for one in again["tasks"])


def _digests(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Of every output but times; values stand for themselves."""
    return {
        f"{one['task']}.{name}": value["digest"] if isinstance(value, dict) and "digest" in value else value
        for one in tasks
        for name, value in one["outputs"].items()
        if name != "timing"
    }


def _until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")
