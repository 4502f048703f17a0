"""A cluster with Argo Workflows keeps the contract of targets, where one is at hand.

CLUSTER_CONTEXT names its kubectl context, CLUSTER_STORE a folder that its pods see by the same path, through the
PersistentVolumeClaim `store` of the namespace `default`, CLUSTER_IMAGE an image that holds the engine and the contract's
steps as an installed package, `contract:add@1`.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lighterage.schemas.record import ArtifactRef
from lighterage.storing import open_store
from lighterage.targets.argo.writer import scalar, write_yaml
from tests.conftest import Project
from tests.targets.contract import TargetContract

CONTEXT, STORE, IMAGE = (os.environ.get(f"CLUSTER_{name}", "") for name in ("CONTEXT", "STORE", "IMAGE"))
ENVIRONMENT = f"""\
    apiVersion: lighterage/v1
    kind: Environment
    name: cluster
    store: {{url: {STORE or "none"}}}
    images: {{engine: {IMAGE or "none"}}}
    sites: {{cluster: {{target: argo, namespace: default, store_claim: store}}}}
    """
WORDS = {"Succeeded": "succeeded", "Failed": "failed", "Error": "failed", "Skipped": "skipped", "Omitted": "omitted"}


@pytest.mark.cluster
@pytest.mark.skipif(not (CONTEXT and STORE and IMAGE), reason="CLUSTER_CONTEXT, _STORE and _IMAGE name no cluster")
@pytest.mark.skipif(
    not (shutil.which("argo") and shutil.which("kubectl")), reason="argo and kubectl are not on the PATH"
)
class TestCluster(TargetContract):
    """Tasks in pods. Argo calls a task omitted that follows a skipped one."""

    idle = frozenset({"skipped", "omitted"})

    def marks(self, project: Project) -> Path:
        return Path(STORE, "marks" + "-".join(project.folder.parts[-3:]))

    def run(self, project: Project) -> tuple[bool, dict[str, dict[str, Any]]]:
        run = _submitted(project)
        return run["status"]["phase"] == "Succeeded", _tasks(run)

    def test_any_text_arrives_as_it_was_written(self, project: Project) -> None:
        seed = random.randrange(1 << 30)
        print(f"seed {seed}")
        written = [
            text for text in hostile_texts(1200, seed, 50_000) if "${" not in text
        ]  # which the language keeps for itself
        given = hostile_texts(60, seed + 1, 200_000)
        texts = {f"p{number}": text for number, text in enumerate(given)}
        (project.folder / "params.yaml").write_text(write_yaml(texts), encoding="utf-8")
        parameters = "".join(f"  p{number}: {{type: string, default: x}}\n" for number in range(len(given)))
        references = json.dumps([f"${{parameters.p{number}}}" for number in range(len(given))])
        project.workflow(
            f"written: {{uses: contract:echo@1, with: {{texts: [{', '.join(map(scalar, written))}]}}}}\n"
            f"given: {{uses: contract:echo@1, with: {{texts: {references}}}}}",
            head=f"parameters:\n{parameters}",
        )
        project.write({"twice.yaml": ""})
        tasks = _tasks(_submitted(project, "-f", "params.yaml"))
        for name, texts in (("written", written), ("given", given)):
            ref = ArtifactRef.model_validate(tasks[name]["outputs"]["back"])
            with open_store(STORE, create=False).open(ref) as file:
                assert json.load(file) == texts


def hostile_texts(count: int, seed: int, longest: int) -> list[str]:
    """Text that shells, YAML, Go's templates, expressions and Kubernetes would take for something else."""
    choose = random.Random(seed)
    pieces = [
        "{{workflow.name}}",
        "{{=1/0}}",
        "{{",
        "}}",
        "$(HOME)",
        "$$",
        "`id`",
        "'; id; '",
        '"',
        "\\",
        "\n",
        "\r",
        "\t",
    ]
    pieces += [
        "\x1b[2J",
        "\x07",
        "\x7f",
        "é",
        "漢",
        "😀",
        "\U000e0001",
        "\u202e",
        "@/etc/passwd",
        "--store",
        "x" * 50,
        " ",
    ]
    texts = ["".join(choose.choices(pieces, k=choose.randint(1, 8))) for _ in range(count - 1)]
    return [*texts, "y" * longest]


def _submitted(project: Project, *options: str) -> dict[str, Any]:
    """A run that has ended, as the cluster knows it."""
    for file in (project.folder / "flow.yaml", project.folder / "twice.yaml"):
        file.write_text(re.sub(r"\./([a-z]+)([,}])", r"contract:\1@1\2", file.read_text()))
    project.write({"cluster.yaml": ENVIRONMENT})
    project.call("compile", "flow.yaml", "-e", "cluster.yaml", "-o", "build")
    _tool(project, "kubectl", "apply", "--server-side", "-f", "build/rbac.yaml", "-f", "build/flow.template.yaml")
    name = _tool(project, "argo", "submit", "build/flow.yaml", "-o", "name", *options).split("/")[-1].strip()
    subprocess.run(["argo", "--context", CONTEXT, "wait", name], capture_output=True, timeout=300)
    run: dict[str, Any] = json.loads(_tool(project, "kubectl", "get", "workflow", name, "-o", "json"))
    return run


def _tool(project: Project, name: str, *arguments: str) -> str:
    command = [name, f"--context={CONTEXT}", *arguments]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _tasks(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the pods recorded, and of tasks without a record what Argo says."""
    store = open_store(STORE, create=False)
    tasks = {
        f"{one.task}[{one.index}]" if one.matrix else one.task: {"status": one.status, "outputs": one.outputs}
        for one in store.records(f"{run['metadata']['name']}.{run['metadata']['uid']}")
    }
    for node in run["status"].get("nodes", {}).values():
        label = node["displayName"].partition("(")[0]  # attempts have numbers in parentheses
        killed = node["type"] == "Pod" and node["phase"] in ("Failed", "Error")
        if (killed or node["type"] in ("Skipped", "Omitted")) and not any(
            one.partition("[")[0] == label for one in tasks
        ):
            tasks[label] = {"status": WORDS[node["phase"]], "outputs": {}}
    return {label: one for label, one in tasks.items() if label not in ("each", "further", "keep")}
