"""From `submit` to results on a real cluster, where one is at hand: see test_cluster.py for what it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

CONTEXT, STORE, IMAGE = (os.environ.get(f"CLUSTER_{name}", "") for name in ("CONTEXT", "STORE", "IMAGE"))
PATIENCE = 500
"""seconds that a run may take on a small machine with other work to do"""
ENVIRONMENT = f"""\
    apiVersion: lighterage/v1
    kind: Environment
    name: real
    store: {{url: {STORE or "none"}}}
    images: {{engine: {IMAGE or "none"}}}
    sites: {{cluster: {{target: argo, context: {CONTEXT or "none"}, namespace: default, store_claim: store}}}}
    """

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not (CONTEXT and STORE and IMAGE), reason="CLUSTER_CONTEXT, _STORE and _IMAGE name no cluster"),
    pytest.mark.skipif(
        not (shutil.which("argo") and shutil.which("kubectl")), reason="argo and kubectl are not on the PATH"
    ),
]


@pytest.fixture
def there(project: Project) -> Project:
    """A project with an environment `real`."""
    project.write({"environments/real.yaml": ENVIRONMENT})
    return project


def submit(project: Project, tasks: str) -> str:
    return project.call("submit", project.workflow(tasks), "-e", "real").stdout.strip()


def watch(project: Project, run: str, command: str = "watch", *options: str) -> int:
    """Until the run has ended; returns the exit code."""
    process = project.start(command, run, *options, "-e", "real")
    process.communicate(timeout=PATIENCE)
    return process.returncode


def show(project: Project, run: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """How a run is, and its tasks by task[index]. Argo and kubectl are not on the PATH: the store is enough."""
    nowhere = {**os.environ, "PATH": "/usr/bin:/bin"}
    program = [str(Path(shutil.which("lighterage") or "lighterage")), "show", run, "-e", "real", "-o", "json"]
    told = json.loads(subprocess.run(program, cwd=project.folder, env=nowhere, capture_output=True, check=True).stdout)
    return told["status"], {f"{one['task']}[{one['index']}]": one for one in told["tasks"]}


def test_from_submit_to_results(there: Project) -> None:
    run = submit(
        there,
        """\
        x: {uses: contract:add@1, with: {a: 1}}
        many: {uses: contract:add@1, with: {a: "${matrix.a}"}, matrix: {a: [1, 2]}}
        slow: {uses: contract:sleep@1, with: {seconds: 60}, timeout: 5s}
        after: {uses: contract:add@1, with: {a: 1}, needs: [slow]}
        no: {uses: contract:add@1, with: {a: 1}, when: "${x.sum} > 5"}
        ask: {approve: {message: "Go?", inputs: {n: 4, who: nobody}}, needs: [x]}
        then: {uses: contract:echo@1, with: {texts: ["${ask.who}"]}}
        """,
    )
    watching = there.start("watch", run, "-e", "real")
    assert watching.stderr is not None
    while "? ask: Go?" not in watching.stderr.readline():
        pass
    there.call("approve", run, "ask", "-p", 'who=a=b, "c" $(id) é', "-e", "real")
    out, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 1 and ": failed in real" in out, err
    status, tasks = show(there, run)
    assert status == "failed"
    assert {label: one["status"] for label, one in tasks.items()} == {
        "x[0]": "succeeded", "many[0]": "succeeded", "many[1]": "succeeded", "slow[0]": "failed", "after[0]": "omitted",
        "no[0]": "skipped", "ask[0]": "succeeded", "then[0]": "succeeded",
    }  # fmt: skip
    assert tasks["slow[0]"]["failure"]["kind"] == "timeout"
    assert tasks["ask[0]"]["outputs"] == {"n": 4, "who": 'a=b, "c" $(id) é'}
    assert there.call("get", run, "many[1].sum", "-e", "real").stdout == "3\n"
    assert "its condition was false: x.sum is 2" in there.call("why", run, "no", "-e", "real").stdout
    there.call("get", run, "then.back", "back.json", "-e", "real")
    assert json.loads((there.folder / "back.json").read_text()) == ['a=b, "c" $(id) é']


def test_what_failed_is_tried_again_and_nothing_else(there: Project) -> None:
    """Also where a task that is done lies between what failed and a matrix: Argo alone would wait for ever."""
    marks = Path(STORE, f"marks-{os.urandom(6).hex()}")  # new to the cache too
    run = submit(
        there,
        f"""\
        many: {{uses: contract:add@1, with: {{a: "${{matrix.a}}"}}, matrix: {{a: [1, 2]}}, max_parallel: 1}}
        all: {{uses: contract:total@1, with: {{numbers: "${{many.sum}}"}}}}
        heal: {{uses: contract:heal@1, with: {{marks: {marks}}}, needs: [all]}}
        end: {{uses: contract:add@1, with: {{a: "${{heal.attempts}}"}}}}
        """,
    )
    assert watch(there, run) == 1
    first = show(there, run)[1]
    assert first["heal[0]"]["status"] == "failed" and first["end[0]"]["status"] == "omitted"
    assert watch(there, run, "retry", "--watch") == 1
    assert watch(there, run, "retry", "--watch") == 0
    status, tasks = show(there, run)
    assert status == "succeeded" and tasks["end[0]"]["outputs"]["sum"] == 4
    assert tasks["all[0]"] == first["all[0]"]


def test_a_run_can_be_stopped(there: Project) -> None:
    run = submit(
        there, "x: {uses: contract:sleep@1, with: {seconds: 300}}\ny: {uses: contract:add@1, with: {a: 1}, needs: [x]}"
    )
    there.call("stop", run, "-e", "real")
    assert watch(there, run) == 1
    status, tasks = show(there, run)
    assert status == "cancelled" and tasks["y[0]"]["status"] in ("omitted", "cancelled")


def test_plain_argo_submit_is_visible_as_well(there: Project) -> None:
    flow = there.workflow("x: {uses: contract:add@1, with: {a: 1}}\nbad: {uses: contract:fail@1}")
    there.call("compile", flow, "-e", "real", "-o", "build")
    where = [f"--context={CONTEXT}", "--namespace=default"]
    apply = ["kubectl", *where, "apply", "--server-side", "-f", "build/rbac.yaml", "-f", "build/flow.template.yaml"]
    subprocess.run(apply, cwd=there.folder, check=True, capture_output=True)
    submitted = ["argo", *where, "submit", "build/flow.yaml", "--wait", "-o", "name"]
    name = subprocess.run(submitted, cwd=there.folder, capture_output=True, text=True).stdout.split("/")[-1].split()[0]
    told = json.loads(there.call("show", f"{name}.", "-e", "real", "-o", "json").stdout)
    assert told["status"] == "failed" and told["environment"] == "real"
    assert {one["task"]: one["status"] for one in told["tasks"]} == {"x": "succeeded", "bad": "failed"}
