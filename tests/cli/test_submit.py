"""`lighterage submit` and what it says where there is no cluster, with programs on the PATH that answer as a cluster's do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lighterage.storing import open_store
from tests.conftest import Project

UID = "0b7c1f5e-0000-4000-8000-000000000000"
CREATED = json.dumps({"metadata": {"name": "flow-x7k2p", "uid": UID}})


class Cluster:
    """A project, an environment `here` for a cluster, and `kubectl` as one would want it."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.store = project.folder / "shared"
        self.store.mkdir(mode=0o777)
        self.bin = project.folder / "bin"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        self.kubectl(f"echo '{CREATED}'")
        project.write({"environments/here.yaml": ENVIRONMENT.format(store=self.store)})

    def kubectl(self, script: str) -> None:
        file = self.bin / "kubectl"
        file.write_text(f'#!/bin/sh\necho "$*" >> {self.project.folder}/asked\n{script}\n')
        file.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        file = self.project.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []


ENVIRONMENT = """\
    apiVersion: lighterage/v1
    kind: Environment
    name: here
    store: {{url: "{store}"}}
    images: {{engine: "registry.test/engine:1"}}
    sites: {{cloud: {{target: argo, context: c, namespace: ml, store_claim: store}}}}
    """


@pytest.fixture
def cluster(adding: Project, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    adding.workflow("a: {uses: ./add, with: {value: 1}}")
    return Cluster(adding, monkeypatch)


def test_it_applies_what_is_needed_creates_the_run_and_records_it(cluster: Cluster) -> None:
    told = cluster.project.call("submit", "flow.yaml", "-e", "here")
    assert told.stdout == f"flow-x7k2p.{UID}\n"
    assert f"lighterage watch flow-x7k2p.{UID} -e here" in told.stderr
    assert all(line.startswith("--context=c --namespace=ml ") for line in cluster.asked)
    assert [line.split(" ", 2)[2].split(" -f ")[0] for line in cluster.asked] == [
        "apply --server-side",
        "apply --server-side",
        "create -o json",
    ]
    store = open_store(str(cluster.store), create=False)
    run, plan = store.read_run(f"flow-x7k2p.{UID}"), store.read_plan(f"flow-x7k2p.{UID}")
    assert run is not None and (run.status, run.workflow, run.environment) == ("running", "flow", "here")
    assert plan is not None and [task.name for task in plan.tasks] == ["a"]


def test_the_users_own_code_is_in_the_store_before_the_run_is_made(cluster: Cluster) -> None:
    cluster.kubectl(
        f"case \"$*\" in *create*) find {cluster.store}/objects -type f | wc -l > objects;; esac\necho '{CREATED}'"
    )
    cluster.project.call("submit", "flow.yaml", "-e", "here")
    assert int((cluster.project.folder / "objects").read_text()) > 0


def test_what_it_writes_is_as_open_as_the_stores_folder(cluster: Cluster) -> None:
    cluster.store.chmod(0o777)
    cluster.project.call("submit", "flow.yaml", "-e", "here")
    assert (cluster.store / f"runs/flow-x7k2p.{UID}").stat().st_mode & 0o777 == 0o777


def test_the_answer_as_json(cluster: Cluster) -> None:
    told = json.loads(cluster.project.call("submit", "flow.yaml", "-e", "here", "-o", "json").stdout)
    assert told["run"] == f"flow-x7k2p.{UID}"
    assert (told["context"], told["namespace"], told["environment"]) == ("c", "ml", "here")


def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    cluster.project.call("submit", "flow.yaml", "-e", "here", "--dry-run")
    assert len(cluster.asked) == 3 and all("--dry-run=server" in line for line in cluster.asked)
    assert list(cluster.store.iterdir()) == []


def test_who_may_not_write_rights_takes_them_to_be_there(cluster: Cluster) -> None:
    refusal = 'Error from server (Forbidden): roles.rbac.authorization.k8s.io is forbidden: User "u" cannot patch'
    cluster.kubectl(f"case \"$*\" in *rbac*) echo '{refusal}' >&2; exit 1;; esac\necho '{CREATED}'")
    told = cluster.project.call("submit", "flow.yaml", "-e", "here")
    assert "taken to be there" in told.stderr and told.stdout.startswith("flow-x7k2p.")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Error in configuration: context was not found for specified context: c", "context was not found"),
        ("error: You must be logged in to the server (Unauthorized)", "logged in"),
        ("The Workflow is invalid: \x1b[31mspec", "spec"),
    ],
)
def test_what_the_cluster_refuses_is_said_and_nothing_is_recorded(cluster: Cluster, said: str, expected: str) -> None:
    cluster.kubectl(f"echo '{said}' >&2; exit 1")
    err = cluster.project.call("submit", "flow.yaml", "-e", "here", code=3).stderr
    assert expected in err and "kubectl apply" in err and "\x1b" not in err
    assert not (cluster.store / "runs").exists()


def test_without_kubectl(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "kubectl is not on the PATH" in cluster.project.call("submit", "flow.yaml", "-e", "here", code=3).stderr


def test_a_store_that_this_machine_does_not_see(cluster: Cluster) -> None:
    cluster.store.rmdir()
    err = cluster.project.call("submit", "flow.yaml", "-e", "here", code=4).stderr
    assert "is not on this machine" in err and "lighterage compile" in err
    assert cluster.asked == [] and not cluster.store.exists()


def test_a_laptop_is_no_cluster(cluster: Cluster) -> None:
    assert "lighterage run -e laptop" in cluster.project.call("submit", "flow.yaml", "-e", "laptop", code=2).stderr


def test_mistakes_come_before_all_else(cluster: Cluster) -> None:
    cluster.project.workflow("a: {uses: ./add, with: {valu: 1}}")
    assert "did you mean 'value'" in cluster.project.call("submit", "flow.yaml", "-e", "here", code=2).stderr
    assert cluster.asked == []


def test_code_that_is_in_the_images_is_not_put_in_the_store(cluster: Cluster) -> None:
    file = Path(cluster.project.folder, "environments/here.yaml")
    file.write_text(file.read_text() + "code: image\n")
    cluster.project.call("submit", "flow.yaml", "-e", "here")
    assert not (cluster.store / "objects").exists()
