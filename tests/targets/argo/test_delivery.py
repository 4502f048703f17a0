"""The user's own steps in a pod: out of the store, or baked into the image, and never others than were planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from lighterage.launching import delivery
from lighterage.launching.delivery import copied, deliver, with_code
from lighterage.launching.failure import TaskFailure
from lighterage.schemas import BadInput
from lighterage.schemas.plan import Plan, PlannedStep
from lighterage.storing import Store, open_store
from tests.conftest import Project

from .test_environments import planned

ENVIRONMENT = """\
    apiVersion: lighterage/v1
    kind: Environment
    name: rack
    store: {url: "s3://bucket/store"}
    images: {engine: registry.example/engine:1}
    sites: {rack: {target: argo}}
    """


@pytest.fixture
def plan(project: Project) -> Plan:
    project.step("add", "from . import more\n\ndef add(a):\n    return {'sum': a + more.ONE}", "{a: {type: integer}}", "{sum: {type: integer}}")  # fmt: skip
    project.write(
        {"add/more.py": "ONE = 1\n", "add/README.md": "Prose", "add/tests/test_add.py": "", "rack.yaml": ENVIRONMENT}
    )
    project.workflow("x: {uses: ./add, with: {a: 1}}\ny: {uses: data/split@1, with: {data: \"${load.data}\"}}\nload: {uses: data/load@1, with: {source: 'package:sklearn.datasets.load_digits'}}")  # fmt: skip
    return planned(project.folder / "flow.yaml", project.folder / "rack.yaml")[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def in_a_pod(step: PlannedStep) -> PlannedStep:
    """The step as its pod is told of it: nobody says where its code lies."""
    return PlannedStep.model_validate_json(step.model_dump_json())


def test_code_goes_through_the_store_and_nothing_else_does(plan: Plan, store: Store, tmp_path: Path) -> None:
    deliver(plan, store)
    found = with_code(in_a_pod(plan.steps["./add"]), store, tmp_path)
    assert found.folder and sorted(file.name for file in found.folder.rglob("*")) == ["add.py", "more.py"]


def test_code_that_is_nowhere_is_a_failure_that_says_what_to_do(plan: Plan, store: Store, tmp_path: Path) -> None:
    step = in_a_pod(plan.steps["./add"])
    with pytest.raises(TaskFailure, match=r"is not in the store; lighterage submit"):
        with_code(step, store, tmp_path)
    with pytest.raises(TaskFailure, match=r"is not in this image; lighterage images build"):
        with_code(step, None, tmp_path)


def test_an_image_may_hold_it(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BAKED", tmp_path)
    step = plan.steps["./add"]
    baked = copied(step, tmp_path / step.code.removeprefix("sha256:"))
    assert with_code(in_a_pod(step), None, tmp_path).folder == baked
    (baked / "more.py").write_text("ONE = 2\n")
    with pytest.raises(TaskFailure, match="another version"):
        with_code(in_a_pod(step), None, tmp_path)


def test_an_image_with_another_version_of_a_shipped_step_is_refused(plan: Plan, store: Store, tmp_path: Path) -> None:
    step = in_a_pod(plan.steps["data/split@1"])
    assert with_code(step, store, tmp_path).folder
    other = step.model_copy(update={"code": "sha256:" + "0" * 64})
    with pytest.raises(TaskFailure, match="another version of data/split@1"):
        with_code(other, store, tmp_path)
    with pytest.raises(TaskFailure, match="holds no step data/shuffle@1"):
        with_code(step.model_copy(update={"uses": "data/shuffle@1"}), store, tmp_path)


def test_code_that_changes_while_it_is_submitted_is_refused(plan: Plan, store: Store) -> None:
    folder = plan.steps["./add"].folder
    assert folder
    (folder / "more.py").write_text("ONE = 2\n")
    with pytest.raises(BadInput, match="has changed since it was planned"):
        deliver(plan, store)
