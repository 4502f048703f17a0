"""Environments by name or by file."""

from __future__ import annotations

from pathlib import Path

from .shipped import shipped
from .steps import NotFound


def find_environment(name: str, near: Path) -> Path:
    """The file of an environment: a path, or a name in `environments/` beside the workflow or above it, then a shipped one.

    Raises NotFound, which names those there are.
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return Path(name)
    for folder in _own_folders(near):
        if (file := folder / f"{name}.yaml").is_file():
            return file
    if (file := shipped("environments") / f"{name}.yaml").is_file():
        return file
    known = sorted(
        {file.stem for folder in _own_folders(near) for file in folder.glob("*.yaml")} | set(shipped_environments())
    )
    raise NotFound("L001", f"there is no environment {name!r}", known, name)


def shipped_environments() -> list[str]:
    """Names of the environments that ship."""
    return sorted(file.stem for file in shipped("environments").glob("*.yaml"))


def _own_folders(near: Path) -> list[Path]:
    """`environments/` in the folder of the workflow and in its parent (a workflow usually lies in `workflows/`)."""
    folder = near.absolute()
    return [place / "environments" for place in (folder, folder.parent)]
