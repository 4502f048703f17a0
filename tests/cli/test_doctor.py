"""`lighterage doctor -e ENV`: what is missing, before anything is submitted."""

from __future__ import annotations

import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.conftest import Project

ANSWERS = {
    "version --client": '{"clientVersion": {"gitVersion": "v1.33.1"}}',
    "config get-contexts": "ml\nother",
    "get namespace ml ": "namespace/ml",
    "api-resources": "workflows.argoproj.io\nworkflowtemplates.argoproj.io",
    "auth can-i": "yes",
    "get serviceaccount lighterage ": "serviceaccount/lighterage",
    "get secret keys ": "access-key secret-key ",
    "get secret registry ": "secret/registry",
}
"""part of kubectl's arguments -> what it prints"""

NOT_FOUND = 'Error from server (NotFound): "x" not found'
FORBIDDEN = 'Error from server (Forbidden): User "u" cannot get resource "x"'


class Cluster:
    """A project with an environment for a cluster, and programs on the PATH that answer as a cluster's do."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.bin = project.folder / "bin"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        self.program("argo", 'echo "argo: v4.1.2"')
        self.kubectl({})
        self.environment()

    def program(self, name: str, script: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def kubectl(self, refusals: dict[str, str]) -> None:
        """A kubectl that answers, but for some arguments with an error."""
        cases = [f"*'{part}'*) echo '{text}' >&2; exit 1;;" for part, text in refusals.items()]
        cases += [f"*'{part}'*) echo '{text}';;" for part, text in ANSWERS.items()]
        log = f"echo \"$*\" >> '{self.project.folder}/asked'"
        self.program("kubectl", f'{log}\ncase "$* " in\n{chr(10).join(cases)}\n*) echo unexpected >&2; exit 9;;\nesac')

    def environment(self, image: str = f"registry.test/engine@sha256:{'0' * 64}", url: str = "memory://store") -> None:
        images = f"{{engine: '{image}', tensorflow: '{image}', litert: '{image}'}}"
        text = f"""\
            apiVersion: lighterage/v1
            kind: Environment
            name: here
            store: {{url: "{url}"}}
            images: {images}
            sites:
              cloud:
                target: argo
                context: ml
                namespace: ml
                image_pull_secrets: [registry]
                env:
                  KEY_OF_ID: {{secret: keys, key: access-key}}
                  KEY: {{secret: keys, key: secret-key}}
            """
        self.project.write({"environments/here.yaml": text})

    def missing(self) -> dict[str, str]:
        """What is told to be missing; nothing else is, and the exit code says so."""
        told = self.project.call("doctor", "-e", "here", "--timeout", "3", code=None)
        lines = [line.split(maxsplit=2) for line in told.stdout.splitlines() if line.startswith("missing ")]
        assert told.returncode == (3 if lines else 0), told.stdout + told.stderr
        return {what: sentence for _, what, sentence in lines}


@pytest.fixture
def cluster(project: Project, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(project, monkeypatch)


def test_when_all_is_there_it_says_so(cluster: Cluster) -> None:
    told = cluster.project.call("doctor", "-e", "here").stdout
    states = {line.split()[1]: line.split()[0] for line in told.splitlines()[3:]}
    things = ["environment", "store", "images", "argo", "kubectl", "context", "namespace", "workflows", "rights"]
    assert states == dict.fromkeys([*things, "serviceaccount", "secret"], "ok")
    assert "v4.1.2" in told and "v1.33.1" in told


def test_nothing_is_changed_and_no_secret_is_read_out(cluster: Cluster) -> None:
    cluster.missing()
    asked = Path(cluster.project.folder, "asked").read_text().splitlines()
    verbs = ("version", "config get-contexts", "get ", "api-resources", "auth can-i")
    assert all(any(verb in line for verb in verbs) for line in asked)
    assert all(line.endswith(("-o name", "{{$key}} {{end}}")) for line in asked if " get " in line)
    assert all("--context=ml --namespace=ml --request-timeout=3s" in line for line in asked if " get " in line)


@pytest.mark.parametrize(
    ("asked", "refusal", "what", "sentence"),
    [
        ("get namespace", NOT_FOUND, "namespace", "kubectl create namespace ml"),
        ("get serviceaccount", NOT_FOUND, "serviceaccount", "rbac.yaml"),
        ("get secret registry", NOT_FOUND, "secret", "registry does not exist"),
        ("get secret keys", NOT_FOUND, "secret", "keys does not exist"),
        ("get namespace", "Unable to connect to the server: no route to host", "namespace", "no route to host"),
        ("api-resources", "x509: \x1b[31mexpired", "workflows", "x509: [31mexpired"),
    ],
)
def test_each_thing_that_is_not_there_is_named(
    cluster: Cluster, asked: str, refusal: str, what: str, sentence: str
) -> None:
    cluster.kubectl({asked: refusal})
    missing = cluster.missing()
    assert list(missing) == [what]
    assert sentence in missing[what]


@pytest.mark.parametrize(
    ("part", "answer", "what", "sentence"),
    [
        ("config get-contexts", "other", "context", "kubectl has no ml; it has other"),
        ("api-resources", "", "workflows", "not installed"),
        ("auth can-i", "no", "rights", "may not submit"),
        ("get secret keys ", "access-key ", "secret", "keys has no entry secret-key"),
    ],
)
def test_each_thing_that_is_otherwise_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, part: str, answer: str, what: str, sentence: str
) -> None:
    monkeypatch.setitem(ANSWERS, part, answer)
    cluster.kubectl({})
    missing = cluster.missing()
    assert list(missing) == [what]
    assert sentence in missing[what]


def test_who_may_not_look_is_not_told_that_it_is_missing(cluster: Cluster) -> None:
    cluster.kubectl({"get namespace": FORBIDDEN, "get secret": FORBIDDEN})
    assert cluster.missing() == {}
    assert "you may not look whether ml exists" in cluster.project.call("doctor", "-e", "here").stdout


def test_tools_that_are_not_on_the_path(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cluster.project.folder / "empty"))
    assert list(cluster.missing()) == ["argo", "kubectl"]


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60", "sleep 60 & exit 0", "trap '' TERM; sleep 60"])
def test_a_cluster_that_does_not_answer_holds_nobody_up(cluster: Cluster, script: str) -> None:
    cluster.program("kubectl", f'case "$*" in *namespace\\ *) {script};; *config*) echo ml;; *) echo "{{}}";; esac')
    started = time.monotonic()
    told = cluster.project.call("doctor", "-e", "here", "--timeout", "0.5", code=3).stdout
    assert time.monotonic() - started < 40
    assert "no answer in 0.5 s" in told


def test_images_of_examples_are_missing_and_tags_are_only_noted(cluster: Cluster) -> None:
    cluster.environment(image="registry.example/engine:1")
    assert "still the example's" in cluster.missing()["images"]
    cluster.environment(image="localhost:5000/engine:1")
    assert cluster.missing() == {}
    assert "not pinned by digest" in cluster.project.call("doctor", "-e", "here").stdout


def test_a_runtime_without_an_image_is_named(cluster: Cluster) -> None:
    file = cluster.project.folder / "environments/here.yaml"
    file.write_text(file.read_text().replace("litert: ", "other: "))
    assert "litert" in cluster.missing()["images"]


@pytest.mark.parametrize(
    ("url", "library"), [("s3://bkt/s", "obstore"), ("gs://bkt/s", "google-cloud-storage"), ("az://bkt/s", "obstore")]
)
def test_a_store_needs_the_library_of_its_protocol(cluster: Cluster, url: str, library: str) -> None:
    cluster.environment(url=url)
    try:
        installed = version(library)
    except PackageNotFoundError:
        assert cluster.missing()["store"].startswith(f"{url[:2]}:// needs {library}: pip install 'lighterage[")
    else:
        assert cluster.missing() == {}
        assert f"{library} {installed}" in cluster.project.call("doctor", "-e", "here").stdout


def test_a_store_of_an_unknown_kind(cluster: Cluster) -> None:
    cluster.environment(url="gopher://b/s")
    assert "the protocol 'gopher' is not allowed" in cluster.project.call("doctor", "-e", "here", code=2).stderr


def test_an_environment_that_is_not_there_or_not_valid(cluster: Cluster) -> None:
    assert "did you mean 'here'" in cluster.project.call("doctor", "-e", "heer", code=2).stderr
    file = cluster.project.folder / "environments/here.yaml"
    file.write_text(file.read_text().replace("namespace: ml", "namespaces: ml"))
    assert "did you mean 'namespace'" in cluster.project.call("doctor", "-e", "here", code=2).stderr


def local(project: Project, site: str, url: str = ".lighterage") -> None:
    text = (
        f"apiVersion: lighterage/v1\nkind: Environment\nname: mine\nstore: {{url: '{url}'}}\nsites:\n  here: {site}\n"
    )
    project.write({"environments/mine.yaml": text})


def test_this_machine_is_told_with_its_libraries(project: Project) -> None:
    local(project, "{target: local}")
    told = project.call("doctor", "-e", "mine", code=None)
    assert {"capacity", "links", "tensorflow", "ai-edge-litert"} <= {
        line.split()[1] for line in told.stdout.splitlines()[3:]
    }
    assert told.returncode == (3 if "missing" in told.stdout else 0)
    assert not Path(project.folder, ".lighterage").exists()


@pytest.mark.parametrize("granted", ["cpu: 4000", "memory: 900Ti"])
def test_more_is_granted_than_there_is(project: Project, granted: str) -> None:
    local(project, f"{{target: local, capacity: {{{granted}}}}}")
    [line] = [line for line in project.call("doctor", "-e", "mine", code=3).stdout.splitlines() if "capacity" in line]
    assert line.startswith("missing") and granted.split()[1] in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_in_a_folder_of_others(project: Project) -> None:
    local(project, "{target: local}", url="/proc/store")
    assert "not a folder that you may write to" in project.call("doctor", "-e", "mine", code=3).stdout


def test_a_store_where_a_file_is(project: Project) -> None:
    project.write({"file": "x"})
    local(project, "{target: local}", url="file/store")
    assert "not a folder that you may write to" in project.call("doctor", "-e", "mine", code=3).stdout
