"""Runs on a cluster, looked at and steered; `argo` and `kubectl` are programs that give answers of real ones.

The answers in `tests/targets/argo/answers` are what `argo get -o json` said of one run, with the fields that matter:
a matrix, a list, rounds, a question, retries, a pod killed by its time limit, a condition that is false.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lighterage.schemas.record import RunRecord, TaskRecord
from lighterage.storing import open_store
from tests.conftest import Project

ANSWERS = Path(__file__).parent.parent / "targets/argo/answers"
UID = json.loads((ANSWERS / "ended.json").read_text())["metadata"]["uid"]
RUN = f"every-x7k2p.{UID}"
TASKS = """\
    x: {uses: ./add, with: {value: 1}}
    many: {uses: ./add, with: {value: "${matrix.n}"}, matrix: {n: [1, 2]}}
    list: {uses: ./list}
    each: {uses: ./add, for_each: "${list.items}", with: {value: "${item}"}}
    rounds: {uses: ./add, with: {value: "${carried.n}"}, repeat: {times: 2, start: {n: 0}, carry: {n: result}}}
    ask: {approve: {message: "Ship it?", inputs: {n: 4, who: nobody}}}
    tried: {uses: ./add, with: {value: 1}, retry: {limit: 1}}
    slow: {uses: ./add, with: {value: 1}, timeout: 5s}
    after: {uses: ./add, with: {value: 1}, needs: [slow]}
    no: {uses: ./add, with: {value: 1}, when: "${x.result} > 5"}
    beyond: {uses: ./add, with: {value: "${no.result}"}}
    """
RECORDED = ["x", "many_0", "many_1", "list", "each_0", "each_1", "rounds_0", "rounds_1"]


class Cluster:
    """A store with a run whose pods have recorded what they could, and programs on the PATH."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.folder = project.folder
        (self.folder / "shared").mkdir()
        (self.folder / "bin").mkdir()
        monkeypatch.setenv("PATH", f"{self.folder}/bin:/usr/bin:/bin")
        project.step("list", "def list():\n    return [1, 2]", "{}", "{items: {type: list, items: {type: integer}}}")
        project.write({"environments/here.yaml": ENVIRONMENT.format(folder=self.folder)})
        project.workflow(TASKS, name="every")
        self.program("kubectl", f"""echo '{{"metadata": {{"name": "every-x7k2p", "uid": "{UID}"}}}}'""")
        project.call("submit", "every.yaml", "-e", "here")
        self.store = open_store(str(self.folder / "shared"), create=False)
        for label in RECORDED:
            task, _, index = label.partition("_")
            outputs = {"items": [1, 2]} if task == "list" else {"result": int(index or 0) + 1}
            self.store.write_record(
                TaskRecord(run=RUN, task=task, index=int(index or 0), status="succeeded", seconds=1.0, outputs=outputs)
            )
        self.argo("running")

    def program(self, name: str, script: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.folder}/asked\n{script}\n')
        file.chmod(0o755)

    def argo(self, answer: str) -> None:
        self.program("argo", f"case \"$*\" in *' get '*) cat {ANSWERS}/{answer}.json;; esac")

    def asked(self, verb: str) -> list[str]:
        lines = (self.folder / "asked").read_text().splitlines()
        return [line for line in lines if f" --namespace=ml {verb} " in f"{line} "]

    def call(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        told = self.project.call(*arguments, "-e", "here", code=code)
        return told.stdout, told.stderr

    def tasks(self) -> dict[str, str]:
        told = json.loads(self.call("show", RUN, "-o", "json")[0])
        return {f"{one['task']}_{one['index']}": one["status"] for one in told["tasks"]}


ENVIRONMENT = """\
    apiVersion: lighterage/v1
    kind: Environment
    name: here
    store: {{url: "{folder}/shared"}}
    images: {{engine: "registry.test/engine:1"}}
    sites: {{cloud: {{target: argo, context: c, namespace: ml, store_claim: store}}}}
    """


@pytest.fixture
def cluster(adding: Project, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(adding, monkeypatch)


ENDED = {
    **dict.fromkeys(["x_0", "many_0", "many_1", "list_0", "each_0", "each_1", "rounds_0", "rounds_1"], "succeeded"),
    "ask_0": "succeeded",
    "tried_0": "failed",
    "slow_0": "failed",
    "after_0": "omitted",
    "no_0": "skipped",
    "beyond_0": "skipped",
}


def test_while_it_runs_what_runs_is_shown_too(cluster: Cluster) -> None:
    tasks = cluster.tasks()
    assert tasks["x_0"] == "succeeded" and tasks["ask_0"] == "asking"
    assert "running" in cluster.call("runs")[0]


def test_the_first_to_look_settles_it_and_later_ones_need_no_cluster(cluster: Cluster) -> None:
    cluster.argo("ended")
    assert {label: one for label, one in cluster.tasks().items() if not label.startswith("on-exit")} == ENDED
    cluster.program("argo", "exit 9")
    assert {label: one for label, one in cluster.tasks().items() if not label.startswith("on-exit")} == ENDED
    shown = cluster.call("show", RUN)
    assert f"{RUN}: failed in here" in shown[0] and "did not end within its time limit" in shown[0]
    assert shown[1] == ""


def test_the_list_of_runs_settles_them(cluster: Cluster) -> None:
    cluster.argo("ended")
    assert " failed " in cluster.call("runs")[0]
    record = cluster.store.read_run(RUN)
    assert record is not None and record.status == "failed" and record.finished


def test_a_cluster_that_does_not_answer_leaves_what_the_store_knows(cluster: Cluster) -> None:
    cluster.program("argo", 'echo "Error: context \\"c\\" does not exist" >&2; exit 1')
    out, err = cluster.call("show", RUN)
    assert f"{RUN}: running" in out and 'context "c" does not exist' in err
    (cluster.folder / "bin/argo").unlink()
    assert "argo is not on the PATH" in cluster.call("show", RUN)[1]


def test_a_run_that_the_cluster_has_forgotten(cluster: Cluster) -> None:
    cluster.program("argo", 'echo "Error: rpc error: code = NotFound desc = workflows \\"x\\" not found" >&2; exit 1')
    assert f"{RUN}: cancelled" in cluster.call("show", RUN)[0]


def test_another_workflow_of_that_name_is_not_this_run(cluster: Cluster) -> None:
    cluster.program("argo", f"sed s/{UID}/0b7c1f5e-0000-4000-8000-000000000000/ {ANSWERS}/ended.json")
    assert f"{RUN}: cancelled" in cluster.call("show", RUN)[0]


def test_plain_argo_submit_is_visible_as_well(cluster: Cluster) -> None:
    """A pod has made the run's record; nobody wrote a plan."""
    (cluster.folder / f"shared/runs/{RUN}/plan.json").unlink()
    begun = RunRecord(run=RUN, workflow="every", environment="here", started=time.time(), status="running", engine="0")
    cluster.store.write_run(begun)
    cluster.argo("ended")
    tasks = cluster.tasks()
    assert {label: tasks[label] for label in ("x_0", "slow_0", "no_0")} == {
        "x_0": "succeeded", "slow_0": "failed", "no_0": "skipped",
    }  # fmt: skip
    record = cluster.store.read_run(RUN)
    assert record is not None and record.status == "failed"


def test_the_store_alone_leads_to_the_cluster_of_the_records_environment(cluster: Cluster) -> None:
    cluster.argo("ended")
    assert ": failed in here" in cluster.project.call("show", "latest", "--store", "shared").stdout


def test_an_environment_that_nobody_knows_here(cluster: Cluster) -> None:
    (cluster.folder / "environments/here.yaml").unlink()
    told = cluster.project.call("stop", "latest", "--store", "shared", code=3)
    assert "name its environment with -e" in told.stderr


def test_watching_tells_what_changes_and_ends_as_the_run_does(cluster: Cluster) -> None:
    ended_later = (
        f"echo >> {cluster.folder}/gets; [ $(wc -l < {cluster.folder}/gets) -lt 3 ] && now=running || now=ended"
    )
    cluster.program("argo", f"{ended_later}; cat {ANSWERS}/$now.json")
    cluster.program("kubectl", "echo what it printed last")
    out, err = cluster.call("watch", RUN, code=1)
    lines = err.splitlines()
    assert (
        "? ask: Ship it?" in lines and f"  answer with: lighterage approve {RUN} ask -e here   or: … --reject" in lines
    )
    assert "✓ many[1] 1.00 s" in lines and "– no skipped" in lines and "✓ ask succeeded" not in lines
    assert "✗ slow: the step did not end within its time limit" in lines
    assert "  | what it printed last" in lines
    assert f"{RUN}: failed in here" in out and "omitted" in out


def test_on_a_terminal_there_is_a_tree(cluster: Cluster) -> None:
    ended_later = (
        f"echo >> {cluster.folder}/gets; [ $(wc -l < {cluster.folder}/gets) -lt 3 ] && now=running || now=ended"
    )
    cluster.program("argo", f"{ended_later}; cat {ANSWERS}/$now.json")
    shown, terminal = pty.openpty()
    size = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "lighterage", "watch", RUN, "-e", "here"]
    with subprocess.Popen(
        command, cwd=cluster.folder, env={**os.environ, **size}, stdout=subprocess.DEVNULL, stderr=terminal
    ) as process:
        os.close(terminal)
        picture = b""
        with contextlib.suppress(OSError):  # what Linux says at the end of a terminal
            while more := os.read(shown, 65536):
                picture += more
    lines = picture.decode().splitlines()
    assert process.returncode == 1
    assert any("├── ✓ many    ████████████████ 2/2" in line for line in lines), lines
    assert any("? ask " in line for line in lines) and any("✗ slow" in line for line in lines)


def test_ctrl_c_leaves_the_run_going(cluster: Cluster) -> None:
    process = cluster.project.start("watch", RUN, "-e", "here")
    assert process.stderr is not None
    while "ask: Ship it?" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"goes on; watch it again with: lighterage watch {RUN} -e here" in err
    assert cluster.asked("stop") == []


def test_stopping(cluster: Cluster) -> None:
    cluster.call("stop", RUN)
    cluster.call("stop", RUN, "--now")
    assert len(cluster.asked("stop")) == len(cluster.asked("terminate")) == 1
    assert cluster.asked("stop")[0] == "argo --context=c --namespace=ml stop every-x7k2p"
    cluster.argo("ended")
    assert "has ended: failed" in cluster.call("stop", RUN, code=2)[1]


def test_trying_again(cluster: Cluster) -> None:
    assert "is running" in cluster.call("retry", RUN, code=2)[1]
    cluster.argo("ended")
    cluster.call("retry", RUN)
    assert cluster.asked("retry") == ["argo --context=c --namespace=ml retry every-x7k2p"]
    record = cluster.store.read_run(RUN)
    assert record is not None and (record.status, record.finished) == ("running", None)
    cluster.argo("running")
    tasks = cluster.tasks()
    assert tasks["x_0"] == "succeeded" and "after_0" not in tasks


def test_answering(cluster: Cluster) -> None:
    cluster.call("approve", RUN, "ask", "-p", "who=a, b=c é")
    nodes = json.loads((ANSWERS / "running.json").read_text())["status"]["nodes"].values()
    [waits] = [node["id"] for node in nodes if node["type"] == "Suspend"]
    [said] = cluster.asked("node")
    for part in (f"id={waits}", "approved=yes", "--output-parameter=n=4", "--output-parameter=who=a, b=c é"):
        assert part in said
    [resumed] = cluster.asked("resume")
    assert resumed.endswith(f"resume every-x7k2p --node-field-selector id={waits}")
    assert "'n' must be an integer" in cluster.call("approve", RUN, "ask", "-p", "n=x", code=2)[1]


def test_an_answer_that_nobody_waits_for(cluster: Cluster) -> None:
    cluster.argo("ended")
    assert "does not wait now" in cluster.call("approve", RUN, "ask", code=2)[1]


def test_a_log_comes_from_the_pod(cluster: Cluster) -> None:
    cluster.program("kubectl", "echo so it was")
    assert cluster.call("logs", RUN, "many[1]")[0] == "so it was\n"
    [asked] = cluster.asked("logs")
    nodes = json.loads((ANSWERS / "running.json").read_text())["status"]["nodes"].values()
    [name] = [one["id"].rpartition("-")[2] for one in nodes if one["displayName"].startswith("many(1:")]
    assert asked.endswith(f"-{name} -c main")
    assert "no task 'nothing'" in cluster.call("logs", RUN, "nothing", code=2)[1]


def test_outputs_are_in_the_store(cluster: Cluster) -> None:
    assert cluster.call("get", RUN, "many[1].result")[0] == "2\n"


def test_a_run_on_this_machine_is_steered_where_it_runs(adding: Project) -> None:
    adding.call("run", adding.workflow("a: {uses: ./add, with: {value: 1}}"))
    for command, hint in {"stop": "Ctrl-C", "retry": "run the workflow again"}.items():
        assert hint in adding.call(command, "latest", code=2).stderr
    assert "succeeded" in adding.call("watch", "latest").stdout
