"""The local target keeps the contract of targets."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Project
from tests.targets.contract import TargetContract


class TestProcesses(TargetContract):
    """Tasks in processes of this machine."""

    def run(self, project: Project) -> tuple[bool, dict[str, dict[str, Any]]]:
        done = project.call("run", "flow.yaml", "-o", "json", code=None)
        told = json.loads(done.stdout)
        tasks = {f"{one['task']}[{one['index']}]" if "matrix" in one else one["task"]: one for one in told["tasks"]}
        return done.returncode == 0, tasks
