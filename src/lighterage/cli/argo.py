"""A run's Workflow in a cluster, by way of `argo` and `kubectl` on the PATH."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

from ..diagnostics import Missing
from ..schemas.environment import Site
from ..schemas.record import RunRecord
from .asking import ask, hand_over

SECONDS = 60.0
"""longest wait for an answer"""
_UID = re.compile(r"(.+)\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_WHY_ABSENT = {
    "argo": "Argo's releases have it",
    "kubectl": "your cluster's operators, or your system's packages, have it",
}


class Refused(Missing):
    """A cluster, or its tool, said no."""


class Argo:
    """The namespace that a site names."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def argo(self, *arguments: str) -> str:
        return self._ask("argo", arguments)

    def kubectl(self, *arguments: str) -> str:
        return self._ask("kubectl", arguments)

    def workflow(self, run: RunRecord) -> dict[str, Any] | None:
        """The Workflow of a run; None when the cluster has forgotten it. Raises Missing."""
        name, uid = workflow_of(run)
        try:
            found: dict[str, Any] = json.loads(self.argo("get", name, "-o", "json"))
        except Refused as error:
            if "NotFound" in str(error):
                return None
            raise
        except ValueError:
            raise Refused("argo get printed no JSON") from None
        return found if found["metadata"]["uid"] == uid else None

    def logs(self, pod: str, container: str) -> int:
        """Prints what a pod's step has printed; returns kubectl's exit code."""
        _need("kubectl")
        return hand_over("kubectl", *self._where(), "logs", pod, "-c", container)

    def last_lines(self, pod: str, container: str, count: int) -> list[str]:
        """The last lines of it, made harmless to a terminal; none where it has gone."""
        told = ask("kubectl", *self._where(), "logs", pod, "-c", container, f"--tail={count}", seconds=SECONDS)
        lines = told.out.splitlines() if told.ok else []
        return ["".join(char if char.isprintable() or char == "\t" else "�" for char in line)[:2000] for line in lines]

    def _where(self) -> list[str]:
        return [
            *([f"--context={self.site.context}"] if self.site.context else []),
            f"--namespace={self.site.namespace}",
        ]

    def _ask(self, program: str, arguments: tuple[str, ...]) -> str:
        _need(program)
        told = ask(program, *self._where(), *arguments, seconds=SECONDS)
        if not told.ok:
            raise Refused(f"{program} {arguments[0]}: {told.reason}")
        return told.out


def workflow_of(run: RunRecord) -> tuple[str, str]:
    """Name and uid of a cluster run's Workflow. Raises ValueError for a run on a laptop."""
    match = _UID.fullmatch(run.run)
    if match is None:
        raise ValueError(run.run)
    return match[1], match[2]


def on_cluster(run: RunRecord) -> bool:
    """Whether a run's tasks are pods. Its name says so: that of a Workflow, and its uid."""
    return _UID.fullmatch(run.run) is not None


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise Missing(
            f"{program} is not on the PATH: {_WHY_ABSENT[program]}, and lighterage doctor tells what else is missing"
        )
