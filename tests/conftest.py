"""A small project on disk and the command line to use it with: how most tests come in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

ADD = {
    "add/step.yaml": """\
        apiVersion: lighterage/v1
        kind: Step
        name: add
        version: 1.0.0
        description: Adds one
        inputs:
          value: {type: integer}
        outputs:
          result: {type: integer}
        python: add:add
        """,
    "add/add.py": """\
        def add(value):
            return value + 1
        """,
}
"""A step that adds one."""


class Project:
    """A folder with files, and `lighterage` called in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            place = self.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(dedent(text), encoding="utf-8")

    def workflow(self, tasks: str, head: str = "", name: str = "flow") -> str:
        """Writes `<name>.yaml` with these tasks; returns the file's name."""
        text = f"apiVersion: lighterage/v1\nkind: Workflow\nname: {name}\n{dedent(head)}tasks:\n"
        body = "".join(f"  {line}\n" if line else "\n" for line in dedent(tasks).strip("\n").splitlines())
        (self.folder / f"{name}.yaml").write_text(text + body, encoding="utf-8")
        return f"{name}.yaml"

    def step(self, name: str, code: str, inputs: str = "{}", outputs: str = "{}", more: str = "") -> None:
        """Writes a step `./<name>` whose function has its name."""
        contract = (
            f"apiVersion: lighterage/v1\nkind: Step\nname: {name}\nversion: 1.0.0\ndescription: For a test\n"
            f"inputs: {inputs}\noutputs: {outputs}\npython: {name}:{name}\n{dedent(more)}"
        )
        self.write({f"{name}/step.yaml": contract, f"{name}/{name}.py": code})

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lighterage", *arguments]
        environment = {**os.environ, "NO_COLOR": "1"}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
        )

    def call(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Calls and waits; the exit code must be ``code`` unless that is None."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert code is None or process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        assert not any(line.startswith("Traceback") for line in err.splitlines()), err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def run(self, workflow: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        """`lighterage run -o json`, parsed; tasks by label under `by`."""
        told = json.loads(self.call("run", workflow, "-o", "json", *arguments, code=code).stdout)
        told["by"] = {
            f"{one['task']}[{one['index']}]" if "matrix" in one else one["task"]: one for one in told["tasks"]
        }
        return told

    def mistakes(self, *files: str, code: int = 2) -> list[tuple[str, int, int]]:
        """What `validate` finds in files: code, line, column."""
        told = json.loads(self.call("validate", "--format", "json", *files, code=code).stdout)
        return [(one["code"], one["line"], one["column"]) for one in told]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


@pytest.fixture
def adding(project: Project) -> Project:
    """A project with a step that adds one."""
    project.write(ADD)
    return project
