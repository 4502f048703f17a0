"""Programs in images that know nothing of the engine: three containers of one pod, started here one after the other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighterage.launching import external
from lighterage.launching.__main__ import main
from lighterage.schemas.record import TaskRecord
from lighterage.storing import open_store
from lighterage.targets.argo.arguments import WORKSPACE
from tests.conftest import Project
from tests.storing.servers import moto
from tests.storing.test_external import put

from .test_environments import CRDS, ROOT, containers_of, kubernetes_pod

STEP_EXEC = ROOT / "steps/images/engine/step-exec.c"
ENVIRONMENT = """\
    apiVersion: lighterage/v1
    kind: Environment
    name: rack
    store: {url: "STORE"}
    images: {engine: registry.example/engine:1}
    sites: {rack: {target: argo, store_claim: store, env: {REGION: here}}}
    """


class Pod:
    """What a manifest says of one task's pod, done here: its shared folder is a folder of the test's."""

    def __init__(self, project: Project, folder: Path, workflow: str = "flow.yaml") -> None:
        self.project = project
        self.shared = folder / "shared"
        self.shared.mkdir()
        self.store = f"{folder}/store"
        project.write({"rack.yaml": ENVIRONMENT.replace("STORE", self.store)})
        project.call("compile", workflow, "-e", "rack.yaml", "-o", "build")
        manifest = (project.folder / "build/flow.template.yaml").read_text(encoding="utf-8")
        self.spec = yaml.safe_load(manifest)["spec"]
        [self.template] = [one for one in self.spec["templates"] if "containerSet" in one]
        self.containers = {one["name"]: one for one in containers_of(self.template)}
        [dag] = [one["dag"]["tasks"] for one in self.spec["templates"] if one["name"] == "main"]
        self.given = {one["name"]: one["value"] for one in dag[0]["arguments"]["parameters"]}

    def _here(self, text: str) -> str:
        for name, value in ({"fan-in": "{}", "index": "0"} | self.given).items():
            text = text.replace(f"{{{{inputs.parameters.{name}}}}}", value)
        text = text.replace("{{workflow.name}}", "r").replace("{{workflow.uid}}", "1")
        return re.sub(rf"(?<!/){WORKSPACE}", str(self.shared), text)

    def launch(self, name: str) -> int:
        return main([self._here(one) for one in self.containers[name]["args"]])

    def program(self) -> int:
        one = self.containers["step"]
        command = [self._here(part) for part in (*one["command"], *one["args"])]
        variables = {each["name"]: self._here(each["value"]) for each in one["env"]}
        return subprocess.run(command, env=variables | {"PATH": "/usr/bin:/bin"}, check=False).returncode

    def run(self) -> tuple[int, TaskRecord]:
        """All three, as Argo does: each when the one before has succeeded. The exit code is the last one's."""
        assert (self.launch("stage-in"), self.program()) == (0, 0)
        code = self.launch("main")
        [record] = open_store(self.store).records("r.1")
        return code, record


@pytest.fixture(scope="session")
def step_exec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that the engine's image carries."""
    compiler = shutil.which("gcc") or shutil.which("cc") or pytest.skip("there is no C compiler")
    place = tmp_path_factory.mktemp("bin") / "step-exec"
    subprocess.run([compiler, "-Os", "-Wall", "-Wextra", "-Werror", "-o", str(place), str(STEP_EXEC)], check=True)
    return place


@pytest.fixture(autouse=True)
def on_the_path(step_exec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{step_exec.parent}:{os.environ['PATH']}")


def program(project: Project, *command: str, inputs: str = "{}", outputs: str = "{}", given: str = "{}") -> None:
    """A workflow of one task, whose step is a program in an image of its own."""
    project.write(
        {
            "tool/step.yaml": f"apiVersion: lighterage/v1\nkind: Step\nname: tool\nversion: 1.0.0\ndescription: A program\n"
            f"image: registry.example/tool:1\ncommand: {json.dumps(command)}\ninputs: {inputs}\noutputs: {outputs}\n"
        }
    )
    project.workflow(f"t: {{uses: ./tool, with: {given}}}")


def test_values_and_files_come_and_go(project: Project, tmp_path: Path) -> None:
    text = 'a "b" $(id) `id` \\ \n {{workflow.name}} é漢😀'
    program(
        project,
        *("sh", "-c", 'printf %s "$1" > "$2"; cat "$LIGHTERAGE_INPUTS" > "$LIGHTERAGE_OUTPUTS/told"; echo "$REGION" >&2'),
        *("sh", "${inputs.text}", "${outputs.page}"),
        inputs="{text: {type: string}, list: {type: list, default: [1, 2.5]}}",
        outputs="{page: {type: file}, told: {type: object}, maybe: {type: file, optional: true}}",
        given=json.dumps({"text": text}, ensure_ascii=False),
    )  # fmt: skip
    pod = Pod(project, tmp_path)
    code, record = pod.run()
    assert (code, record.status) == (0, "succeeded")
    assert record.outputs["told"] == {"text": text, "list": [1, 2.5]}
    assert "maybe" not in record.outputs
    project.call("get", "r.1", "t.page", "page", "--store", pod.store)
    assert (project.folder / "page").read_text(encoding="utf-8") == text
    assert json.loads((pod.shared / "outputs/told").read_text()) == record.outputs["told"]
    assert project.call("logs", "r.1", "t", "--store", pod.store).stdout == "here\n"


def test_the_second_time_nothing_runs(project: Project, tmp_path: Path) -> None:
    program(project, "sh", "-c", "echo once >> $1; echo 1 > $2", "sh", f"{tmp_path}/marks", "${outputs.n}", outputs="{n: {type: integer}}")  # fmt: skip
    pod = Pod(project, tmp_path)
    assert pod.run()[1].outputs == {"n": 1}
    shutil.rmtree(pod.shared)
    pod.shared.mkdir()
    code, record = pod.run()
    assert (code, record.cached, record.outputs) == (0, True, {"n": 1})
    assert Path(tmp_path, "marks").read_text() == "once\n"


@pytest.mark.parametrize(
    ("command", "code", "kind", "message"),
    [
        (["sh", "-c", "exit 3"], 3, "exit", "exit code 3"),
        (["sh", "-c", "exit 64"], 64, "bad_input", "exit code 64"),
        (["sh", "-c", "kill -9 $$"], 137, "signal", "SIGKILL"),
        (["/no/such/program"], 1, "missing", "'/no/such/program' cannot be started: No such file"),
        (["sh", "-c", "echo nonsense > ../ended"], 1, "output", "wrote nothing for its output 'page'"),
        (["sh", "-c", "echo nonsense > ended; rm arguments"], 1, "output", "wrote nothing for its output 'page'"),
        (["ln", "-s", "/etc/passwd", "${outputs.page}"], 1, "store", "symbolic link"),
    ],
)
def test_how_a_program_ends_is_how_its_task_ends(
    command: list[str], code: int, kind: str, message: str, project: Project, tmp_path: Path
) -> None:
    program(project, *command, outputs="{page: {type: file}}")
    found, record = Pod(project, tmp_path).run()
    assert record.failure and message in record.failure.message
    assert (found, record.status, record.failure.kind) == (code, "failed", kind)


def test_code_beside_the_contract_goes_with_it(project: Project, tmp_path: Path) -> None:
    program(project, "sh", "${code}/tool.sh", "${outputs.n}", outputs="{n: {type: integer}}")
    project.write({"tool/tool.sh": "echo 7 > $1\n"})
    pod = Pod(project, tmp_path)
    code, record = pod.run()
    assert record.failure and "submit puts it there" in record.failure.message
    shutil.rmtree(pod.shared)
    pod.shared.mkdir()
    from lighterage.launching.delivery import deliver
    from tests.targets.argo.test_environments import planned

    deliver(planned(project.folder / "flow.yaml", project.folder / "rack.yaml")[0], open_store(pod.store))
    code, record = pod.run()
    assert (code, record.outputs) == (0, {"n": 7})


@pytest.mark.parametrize("when", ["before", "after"])
def test_data_that_changes_between_its_containers(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(external, "_asker", None)  # one that another test started knows another server
    port = "{type: string, external: true}"
    program(project, "true", inputs=f"{{source: {port}}}", given="{source: s3://lighterage-test/data}")
    with moto() as server:
        server.lead_to(monkeypatch)
        put(server.url("data/a"), b"one")
        pod = Pod(project, tmp_path)
        assert pod.launch("stage-in") == 0
        if when == "before":
            put(server.url("data/a"), b"two")
        assert (pod.program(), pod.launch("main")) == (0, 0)
        store = open_store(pod.store)
        [record] = store.records("r.1")
        assert record.status == "succeeded" and record.key
        if when == "before":
            assert record.not_kept == "external data 'source', s3://lighterage-test/data, changed while the task ran"
        assert (store.find_action(record.key) is None) == (when == "before")


def test_an_engine_that_cannot_stage_says_so(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(project, "true")
    pod = Pod(project, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pod.launch("stage-in") == 64
    assert "lighterage images build" in capsys.readouterr().err


def test_the_program_sees_neither_store_nor_token(project: Project, tmp_path: Path) -> None:
    program(project, "true")
    pod = Pod(project, tmp_path)
    mounts = {name: {one["name"] for one in each["volumeMounts"]} for name, each in pod.containers.items()}
    assert mounts == {
        "stage-in": {"workspace", "tmp", "store"},
        "step": {"workspace", "tmp"},
        "main": {"workspace", "tmp", "store"},
    }
    assert '"volumes":[{"name":"store","persistentVolumeClaim":{"claimName":"store"}}]' in pod.template["podSpecPatch"]
    assert pod.spec["automountServiceAccountToken"] is False


def test_an_environment_without_an_engine_cannot_stage(project: Project) -> None:
    program(project, "true")
    without = ENVIRONMENT.replace("images: {engine: registry.example/engine:1}", "images: {}").replace(
        "STORE", "s3://b"
    )
    project.write({"rack.yaml": without})
    told = project.call("compile", "flow.yaml", "-e", "rack.yaml", code=2)
    assert "L206" in told.stderr
    assert "'engine' to stage for its own" in told.stderr


@pytest.mark.argocheck
def test_a_cluster_accepts_the_pod(project: Project, tmp_path: Path) -> None:
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    if not CRDS.is_dir():
        pytest.skip("ARGO_CRDS names no folder with Argo's CRDs")
    program(project, "true")
    pod = Pod(project, tmp_path)
    files = [str(project.folder / "build" / name) for name in ("flow.yaml", "flow.template.yaml")]
    told = subprocess.run([argocheck, "crd", "-crds", str(CRDS), *files], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
    made: dict[str, Any] = kubernetes_pod(pod.spec, pod.template)
    (tmp_path / "pod.json").write_text(json.dumps(made))
    told = subprocess.run(
        [argocheck, "pss", "-level", "restricted", str(tmp_path / "pod.json")], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout
