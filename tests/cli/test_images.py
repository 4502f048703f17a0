"""`lighterage images build`: what the images hold, and that a pod's launcher runs in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighterage.imaging.runtimes import RUNTIMES, folder_of, requirements
from tests.base_image import base_image, podman, settings
from tests.conftest import ADD, Project
from tests.registry import Registry, running_registry

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ENVIRONMENT = """\
apiVersion: lighterage/v1
kind: Environment
name: rack
store: {{url: "s3://bucket/store"}}
images: {{{images}}}
sites: {{rack: {{target: argo}}}}
code: image
"""
FLOW = """\
apiVersion: lighterage/v1
kind: Workflow
name: flow
tasks:
  one: {uses: ./add, with: {value: 41}}
"""


class Made:
    """A project whose engine was built with its step, and pushed."""

    def __init__(self, project: Project, registry: Registry, told: list[dict[str, str]]) -> None:
        self.project = project
        self.registry = registry
        self.told = told
        self.name = told[0]["name"]

    def run(self, *command: str, volume: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs it as a pod would: as nobody, without a network, with a root file system that cannot be written."""
        mounted = [f"--volume={volume}:{volume}"] if volume else []
        return podman("run", "--rm", "--read-only", "--user=8737:8737", "--network=none", *mounted, self.name, *command)


@pytest.fixture
def compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with what this machine's gcc needs for a static program."""
    base, name, source = base_image(), "localhost/lighterage-test-gcc:1", folder_of("engine") / "step-exec.c"
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not on the PATH")
    folder = tmp_path_factory.mktemp("compiler")
    traced = _told("gcc", "-static", "-Wl,--trace", str(source), "-o", str(folder / "program"))
    programs = [shutil.which(one) or one for one in ("gcc", "as", "ld", *_parts("prog", "cc1", "collect2"))]
    linked = re.findall(r"(/\S+\.so[^\s:]*) \(0x", _told("ldd", *programs))
    headers = re.findall(r"/\S+\.h\b", _told("gcc", "-M", str(source)))
    for file in {*programs, *linked, *headers, *_parts("file", "liblto_plugin.so"), *traced.split()}:
        place = Path(os.path.realpath(Path(file).parent), Path(file).name)
        if place.is_relative_to("/usr"):
            (folder / place.parent.relative_to("/")).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / place.relative_to("/"))
    (folder / "Containerfile").write_text(f"FROM {base}\nCOPY usr /usr\n")
    made = podman("build", f"--tag={name}", str(folder))
    assert made.returncode == 0, made.stderr
    return name


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _parts(kind: str, *names: str) -> list[str]:
    return [_told("gcc", f"-print-{kind}-name={name}").strip() for name in names]


@pytest.fixture
def made(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The engine, built as a person would who pushes to a registry."""
    folder = tmp_path_factory.mktemp("images")
    with running_registry(folder) as registry, pytest.MonkeyPatch.context() as patch:
        project = Project(folder)
        image = f"{registry.host}/team/engine:0.1.0"
        project.write({**ADD, "flow.yaml": FLOW, "rack.yaml": ENVIRONMENT.format(images=f"engine: '{image}'")})
        patch.setenv("UV_CACHE_DIR", _told(_uv(), "cache", "dir").strip())
        patch.setenv("UV_OFFLINE", "1")
        patch.setenv("CONTAINERS_CONF", str(settings(folder)))
        registry.enter(patch)
        command = ["images", "build", "-e", "rack.yaml", "--workflow", "flow.yaml", "--push", "-o", "json"]
        options = [f"--tool-option=--build-arg=COMPILER={compiler}", "--tool=podman"]
        process = project.start(*command, f"--base={base_image()}", f"--python={PYTHON}", *options)
        out, err = process.communicate(timeout=550)
        if "network connectivity is disabled" in err.lower():
            pytest.skip("uv's cache lacks libraries of the engine, and tests ask no index")
        assert process.returncode == 0, err
        yield Made(project, registry, json.loads(out))
        podman("rmi", "--force", image)


def _uv() -> str:
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return found or pytest.skip("uv is not on the PATH")


@pytest.mark.containers
def test_an_engine_from_building_to_locking(made: Made, tmp_path: Path) -> None:
    """One test of many parts: building takes a minute, and tests side by side would each do it."""
    _it_is_named_as_the_environment_says_and_known_by_the_registrys_digest(made)
    _it_says_what_it_is_and_runs_as_nobody(made)
    _libraries_are_the_locked_ones_and_cannot_be_changed(made)
    for check in (
        _the_launcher_runs_a_step_that_is_baked_in,
        _a_step_that_has_changed_since_is_not_there,
        _the_program_that_other_images_run_needs_nothing_of_them,
    ):
        folder = tmp_path / check.__name__
        folder.mkdir()
        folder.chmod(0o777)
        check(made, folder)
    _what_was_pushed_can_be_locked_and_then_compiled_by_digest(made)


def _it_is_named_as_the_environment_says_and_known_by_the_registrys_digest(made: Made) -> None:
    assert [one["name"] for one in made.told] == [f"{made.registry.host}/team/engine:0.1.0"]
    assert made.told[0]["digest"] == made.registry.digest("team/engine", "0.1.0")


def _it_says_what_it_is_and_runs_as_nobody(made: Made) -> None:
    told = json.loads(podman("image", "inspect", made.name).stdout)[0]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in told["Labels"].items()}
    assert told["User"] == "8737:8737"
    assert told["Config"].get("Entrypoint") is None
    assert labels.items() >= {"title": "lighterage engine", "version": "0.1.0", "licenses": "Apache-2.0"}.items()
    assert labels["base.name"] == base_image()


def _libraries_are_the_locked_ones_and_cannot_be_changed(made: Made) -> None:
    program = (
        "import importlib.metadata as m, json, os, sysconfig; place = sysconfig.get_path('purelib'); "
        "print(json.dumps([{one.name.lower(): one.version for one in m.distributions(path=[place])}, os.access(place, os.W_OK)]))"
    )
    there, writable = json.loads(made.run("python3", "-c", program).stdout)
    locked = _pins(folder_of("engine") / "requirements.lock")
    there = {name.replace("_", "-"): version for name, version in there.items()}
    assert there.keys() == {*locked, "lighterage"}
    assert {name: version for name, version in there.items() if version not in locked.get(name, version)} == {}
    assert not writable


def _the_launcher_runs_a_step_that_is_baked_in(made: Made, folder: Path) -> None:
    step, task = _planned(made.project)
    done = _launched(made, step, task, folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "outputs" / "result").read_text() == "42"


def _a_step_that_has_changed_since_is_not_there(made: Made, folder: Path) -> None:
    step, task = _planned(made.project)
    done = _launched(made, step | {"code": "sha256:" + "0" * 64}, task, folder)
    assert done.returncode != 0
    assert "is not in this image; lighterage images build puts it there" in done.stderr + _record(folder)


def _the_program_that_other_images_run_needs_nothing_of_them(made: Made, folder: Path) -> None:
    made.run("cp", "/usr/local/libexec/lighterage/step-exec", str(folder), volume=folder)
    (folder / "Containerfile").write_text("FROM scratch\nCOPY step-exec /step-exec\n")
    name = "localhost/lighterage-test-alone:1"
    assert podman("build", f"--tag={name}", str(folder)).returncode == 0
    done = podman("run", "--rm", "--network=none", "--user=8737", name, "/step-exec", "/nothing-to-do")
    podman("rmi", "--force", name)
    assert (done.returncode, done.stderr) == (0, "")


def _what_was_pushed_can_be_locked_and_then_compiled_by_digest(made: Made) -> None:
    compiling = ["compile", "flow.yaml", "-e", "rack.yaml", "--require-digest"]
    assert "L505" in made.project.call(*compiling, code=2).stderr

    made.project.call("lock", "-e", "rack.yaml")

    assert f"{made.name}@{made.told[0]['digest']}" in made.project.call(*compiling).stdout


def _planned(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    """The step and the task of the project's plan."""
    from lighterage.planning import plan_workflow
    from lighterage.reading import read_document

    documents = (
        read_document(project.folder / name, name=str(project.folder / name)) for name in ("flow.yaml", "rack.yaml")
    )
    plan = plan_workflow(*documents, {}).plan
    assert plan is not None
    task = plan.tasks[0]
    return plan.steps["./add"].model_dump(mode="json"), {"name": task.name, "inputs": task.inputs}


def _launched(made: Made, step: dict[str, Any], task: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    spec = json.dumps({"workflow": "flow", "environment": "rack", "step": step, "task": task})
    places = [f"--store={folder}/store", f"--outputs={folder}/outputs", "--workspace=/tmp"]
    launcher = ["python3", "-m", "lighterage.launching", "--run=r1", "--code=image"]
    return made.run(*launcher, *places, f"--spec={spec}", volume=folder)


def _record(folder: Path) -> str:
    return "".join(file.read_text() for file in (folder / "store" / "runs").rglob("*.json"))


# --- without building ---


@pytest.mark.parametrize("name", RUNTIMES)
def test_runtimes_hold_what_the_project_locks(name: str) -> None:
    project, own = _pins(ROOT / "requirements.lock"), _pins(folder_of(name) / "requirements.lock")
    assert {one: versions for one, versions in own.items() if not versions <= project.get(one, set())} == {}
    assert (folder_of(name) / "Containerfile").is_file()


def test_runtimes_have_the_libraries_that_their_steps_require() -> None:
    for file in (ROOT / "steps").glob("*/*/step.yaml"):
        text = file.read_text()
        required = re.findall(r"[\w-]+", "".join(re.findall(r"^requires: \[(.*)\]", text, re.MULTILINE)))
        runtime = re.findall(r"^image: (\w+)", text, re.MULTILINE)[0]
        assert set(required) - {"lighterage"} <= _pins(folder_of(runtime) / "requirements.lock").keys(), file


def test_the_engine_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["data"]]
    names = {re.match(r"[\w-]+", one)[0].lower() for one in wanted}  # type: ignore[index]
    assert names <= _pins(folder_of("engine") / "requirements.lock").keys()


def test_what_the_engine_has_is_not_added_again() -> None:
    assert "numpy==" in requirements("engine") and "numpy==" not in requirements("tensorflow")
    assert "tensorflow==" in requirements("tensorflow") and "--hash=sha256:" in requirements("tensorflow")


def _pins(lock: Path) -> dict[str, set[str]]:
    """Distribution -> its versions, of which each is for some machines."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize(
    ("arguments", "images", "told"),
    [
        ([], "", "-e ENV or --registry PREFIX"),
        (["-e", "rack.yaml", "--registry", "registry.example"], "", "-e ENV or --registry PREFIX"),
        (["engin", "--registry", "registry.example"], "", "'engin' is not one of 'engine', 'tensorflow', 'litert'"),
        (["--registry", "registry.example", "--base", "Python"], "", "Python: an image is registry/name:tag"),
        (["--registry", "Registry Example"], "", "the name is in lower case"),
        (["litert", "-e", "rack.yaml"], "engine: registry.example/e:1", "names no image for litert"),
        (["-e", "rack.yaml"], "torch: registry.example/t:1", "names no image for engine, tensorflow, litert"),
        (["-e", "rack.yaml"], "engine: registry.example/E:1", "error[L104]"),
        (["--registry", "registry.example", "--workflow", "flow.yaml"], "", "--workflow goes with -e"),
    ],
)
def test_mistakes(project: Project, arguments: list[str], images: str, told: str) -> None:
    project.write({"rack.yaml": ENVIRONMENT.format(images=images)})
    assert told in project.call("images", "build", *arguments, code=2).stderr


def test_code_of_a_step_in_an_image_of_the_users_own(adding: Project) -> None:
    contract = adding.folder / "add" / "step.yaml"
    contract.write_text(contract.read_text() + "image: torch\n")
    adding.write({"rack.yaml": ENVIRONMENT.format(images="torch: registry.example/t:1"), "flow.yaml": FLOW})
    told = adding.call("images", "build", "-e", "rack.yaml", "--workflow", "flow.yaml", code=2).stderr
    assert "step ./add runs in torch, not in engine, tensorflow, litert" in told


def test_what_is_missing_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    command = ["images", "build", "engine", "--registry", "registry.example"]
    assert "none of podman, buildah, docker is on the PATH" in project.call(*command, code=3).stderr
    assert "docker is not on the PATH" in project.call(*command, "--tool", "docker", code=3).stderr
