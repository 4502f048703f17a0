"""`lighterage lock`: tags get their digests, and nothing else in a file changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.registry import Registry, running_registry

DIGEST = "sha256:" + "0123456789abcdef" * 4
ENVIRONMENT = """\
# where we run
apiVersion: lighterage/v1
kind: Environment
name: rack
store: {{url: "s3://bucket/store"}}   # ours
images: {images}
sites: {{rack: {{target: argo}}}}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def registry(shared: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    shared.enter(monkeypatch)
    return shared


@pytest.fixture
def asks() -> str:
    """A program that asks registries, the one that needs least."""
    for tool in ("skopeo", "podman", "buildah"):
        if shutil.which(tool):
            return tool
    pytest.skip("none of skopeo, podman, buildah is on the PATH")


def rack(project: Project, images: str) -> Path:
    """Writes `rack.yaml` with these images."""
    file = project.folder / "rack.yaml"
    file.write_text(ENVIRONMENT.format(images=images), encoding="utf-8")
    return file


@pytest.mark.parametrize("tool", ["skopeo", "crane", "podman", "buildah", "docker"])
def test_every_tool_finds_the_digest_that_the_registry_has(tool: str, project: Project, registry: Registry) -> None:
    if shutil.which(tool) is None or (tool == "docker" and subprocess.call(["docker", "buildx", "version"])):
        pytest.skip(f"{tool} is not on the PATH, or lacks its plugin buildx")
    digest = registry.image("lighterage/engine", "0.1.0")
    file = rack(project, f"{{engine: {registry.host}/lighterage/engine:0.1.0}}")

    project.call("lock", "-e", "rack.yaml", "--tool", tool)

    assert f"images: {{engine: {registry.host}/lighterage/engine:0.1.0@{digest}}}\n" in file.read_text()


def test_an_image_for_several_platforms_is_locked_as_a_whole(project: Project, registry: Registry) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not on the PATH")
    digest = registry.list_of_images("lighterage/many", "1")
    file = rack(project, f"{{engine: {registry.host}/lighterage/many:1}}")

    project.call("lock", "-e", "rack.yaml", "--tool", "skopeo")

    assert f"many:1@{digest}" in file.read_text()


def test_comments_quotes_line_ends_and_modes_stay(project: Project, registry: Registry, asks: str) -> None:
    one, two = registry.image("a", "1", "one"), registry.image("b", "2", "two")
    images = f"\n  engine: '{registry.host}/a:1'   # the engine: {registry.host}/a:1\n  litert:\n    \"{registry.host}/b:2\"\n"
    file = rack(project, images)
    before = b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)
    file.chmod(0o640)

    told = json.loads(project.call("lock", "-e", "rack.yaml", "-o", "json").stdout)

    assert file.read_bytes() == before.replace(b"/a:1'", f"/a:1@{one}'".encode()).replace(
        b"/b:2", f"/b:2@{two}".encode()
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert [(row["where"], row["image"], row["digest"]) for row in told] == [
        ("rack.yaml:7:11", f"{registry.host}/a:1", one),
        ("rack.yaml:9:5", f"{registry.host}/b:2", two),
    ]
    assert sorted(place.name for place in project.folder.iterdir()) == ["rack.yaml"]


def test_a_lock_holds_until_it_is_updated(project: Project, registry: Registry, asks: str) -> None:
    first = registry.image("moving", "1", "first")
    file = rack(project, f"{{engine: {registry.host}/moving:1}}")
    project.call("lock", "-e", "rack.yaml")
    second = registry.image("moving", "1", "second")

    again = project.call("lock", "-e", "rack.yaml")
    assert first in file.read_text()
    assert "nothing to change" in again.stderr

    project.call("lock", "-e", "rack.yaml", "--update")
    assert second in file.read_text() and first not in file.read_text()


def test_all_or_nothing(project: Project, registry: Registry, asks: str) -> None:
    registry.image("there", "1")
    file = rack(project, f"{{engine: {registry.host}/there:1, litert: {registry.host}/absent:1}}")
    before = file.read_text()

    told = project.call("lock", "-e", "rack.yaml", code=3)

    assert f"{registry.host}/absent:1: {asks} says: " in told.stderr
    assert file.read_text() == before


def test_an_alias_is_left_alone_and_said(project: Project, registry: Registry, asks: str) -> None:
    registry.image("there", "1")
    file = rack(project, f"{{engine: &one {registry.host}/there:1, litert: *one}}")
    before = file.read_text()

    told = project.call("lock", "-e", "rack.yaml", code=2)

    assert "rack.yaml:6:" in told.stderr and "cannot be changed where it stands" in told.stderr
    assert file.read_text() == before


def test_images_of_a_workflows_own_steps(adding: Project, registry: Registry, asks: str) -> None:
    digest = registry.image("tool", "3")
    contract = adding.folder / "add" / "step.yaml"
    contract.write_text(contract.read_text() + f"image: {registry.host}/tool:3  # newest\n")
    rack(adding, f"{{engine: registry.example/engine:1@{DIGEST}}}")
    flow = adding.workflow("one: {uses: ./add, with: {value: 1}}")

    adding.call("lock", flow, "-e", "rack.yaml")

    assert f"image: {registry.host}/tool:3@{digest}  # newest\n" in contract.read_text()


def test_check_says_what_is_not_locked(project: Project) -> None:
    rack(project, f"{{engine: registry.example/engine:1@{DIGEST}, litert: registry.example/litert:1}}")
    told = project.call("lock", "-e", "rack.yaml", "--check", code=2)
    assert "rack.yaml:6:" in told.stderr and "error[L505]" in told.stderr
    assert "registry.example/litert:1 has no digest" in told.stderr
    assert "engine:1" not in told.stderr.replace(told.stderr.splitlines()[1], "")

    rack(project, f"{{engine: registry.example/engine:1@{DIGEST}}}")
    project.call("lock", "-e", "rack.yaml", "--check")


def test_without_a_program_that_asks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    rack(project, "{engine: registry.example/engine:1}")
    monkeypatch.setenv("PATH", os.devnull)
    told = project.call("lock", "-e", "rack.yaml", code=3)
    assert told.stderr == (
        "lighterage: none of skopeo, crane, docker, podman, buildah is on the PATH: one of them must ask the registries\n"
    )


def test_an_environment_that_ships_is_not_changed(project: Project) -> None:
    assert "copy it to environments/ first" in project.call("lock", "-e", "gke", code=2).stderr


RIGHT = (
    "registry.example/team/engine:0.1.0",
    "registry.example:5000/engine",
    "[fd00::1]:5000/engine:1",
    f"localhost/engine@{DIGEST}",
    f"engine:1@{DIGEST}",
)
WRONG = (
    "",
    "registry.example/Engine:1",
    "registry.example/engine:",
    "registry.example//engine:1",
    "registry.example/engine:{{workflow.name}}",
    "docker://registry.example/engine:1",
    "registry.example/engine@sha256:0123",
    "registry.example/engine:1 --privileged",
    "registry.example/engine:1\\n",
    "-engine",
    "engine:" + "1" * 129,
    "e" * 256,
)


def test_references_are_checked_as_text(project: Project) -> None:
    rack(project, "".join(f'\n  i{number}: "{image}"' for number, image in enumerate(RIGHT)))
    assert project.mistakes("rack.yaml", code=0) == []

    rack(project, "".join(f'\n  i{number}: "{image}"' for number, image in enumerate(WRONG)))
    found = project.mistakes("rack.yaml")
    assert [line for _, line, _ in found] == [7 + number for number in range(len(WRONG))]


def compiled(project: Project, images: str, *options: str, code: int) -> str:
    rack(project, images)
    flow = project.workflow("load: {uses: data/load@1, with: {source: rows.csv}}")
    return project.call("compile", flow, "-e", "rack.yaml", *options, code=code).stderr


def test_compile_asks_for_digests_where_it_is_told_to(project: Project) -> None:
    compiled(project, "{engine: registry.example/engine:1}", code=0)
    told = compiled(project, "{engine: registry.example/engine:1}", "--require-digest", code=2)
    assert told.startswith("rack.yaml:6:18: error[L505]: ")
    assert "hint: lighterage lock -e rack" in told
    compiled(project, f"{{engine: 'registry.example/engine:1@{DIGEST}'}}", "--require-digest", code=0)


def test_a_step_that_names_a_tag_is_found_too(adding: Project) -> None:
    contract = adding.folder / "add" / "step.yaml"
    contract.write_text(contract.read_text() + "image: registry.example/tool:3\n")
    rack(adding, "{}")
    flow = adding.workflow("one: {uses: ./add, with: {value: 1}}")
    told = adding.call("compile", flow, "-e", "rack.yaml", "--require-digest", code=2).stderr
    assert told.startswith("flow.yaml:5:15: error[L505]: the image registry.example/tool:3 ")
