"""The peers' own environments, made from PyPI when they are missing; nothing of ours is in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = {
    "cwltool": "cwltool==3.3.20260925135507",
    "dvc": "dvc==3.67.1",
    "hera": "hera[yaml]==7.1.0",
    "kfp": "kfp==2.17.0",
    "metaflow": "metaflow==2.19.39",
    "prefect": "prefect==3.8.8 fastapi<0.140",  # newer ones refuse an argument that it passes
    "snakemake": "snakemake==9.27.1",
}


class Unavailable(Exception):
    """The peer cannot be had on this machine."""


@dataclass(frozen=True)
class Peers:
    """The folder that holds one virtual environment per peer."""

    folder: Path

    def python(self, name: str) -> Path:
        """The peer's interpreter. Raises Unavailable when its environment cannot be made."""
        home = self.folder / name
        ready = home / "ready"
        if not ready.is_file() or ready.read_text() != REQUIREMENTS[name]:
            print(f"installing {REQUIREMENTS[name]} into {home}", file=sys.stderr)
            _install(home, REQUIREMENTS[name])
            ready.write_text(REQUIREMENTS[name])
        return home / "bin" / "python"

    def program(self, name: str) -> Path:
        """The peer's command. Raises Unavailable."""
        return self.python(name).with_name(name)


def _install(home: Path, requirement: str) -> None:
    python = home / "bin" / "python"
    uv = shutil.which("uv")
    if uv:
        commands = [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, home],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *requirement.split()],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", "--clear", home],
            [python, "-m", "pip", "install", "--quiet", "--compile", *requirement.split()],
        ]
    home.parent.mkdir(parents=True, exist_ok=True)
    for command in commands:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.splitlines() or ["no reason given"])[-1]
            raise Unavailable(f"{requirement} cannot be installed: {reason}")
