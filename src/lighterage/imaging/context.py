"""Folders that images are built from: libraries for the image's platform, lighterage itself, and code of steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from .. import __version__
from ..diagnostics import Missing
from ..launching.delivery import BAKED, copied
from ..schemas.plan import PlannedStep
from .runtimes import ENGINE, folder_of, requirements
from .tools import BuildFailed

PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_28", "linux/arm64": "aarch64-manylinux_2_28"}
"""platform of an image -> that of its wheels"""
_PACKAGE = Path(__file__).resolve().parent.parent


def runtime_context(name: str, folder: Path, platform: str, python: str) -> None:
    """Fills ``folder`` with what a runtime's Containerfile copies. Raises Missing without uv, BuildFailed."""
    shutil.copytree(folder_of(name), folder, dirs_exist_ok=True)
    _install(requirements(name), folder / "libraries", platform, python)
    if name == ENGINE:
        _copy_lighterage(folder / "lighterage")
    _settle(folder)


def code_context(steps: Iterable[PlannedStep], folder: Path) -> None:
    """Fills ``folder`` with the code of steps, each below the digits of its digest. Raises BadInput when it has just changed."""
    shutil.copytree(folder_of("code"), folder, dirs_exist_ok=True)
    for step in steps:
        copied(step, folder / BAKED.name / step.code.removeprefix("sha256:"))
    _settle(folder)


def _settle(folder: Path) -> None:
    """One date, and modes that do not depend on who builds: tools take them for a part of what is copied."""
    for place in folder.rglob("*"):
        place.chmod(0o755 if place.is_dir() or place.stat().st_mode & 0o100 else 0o644)
        os.utime(place, (0, 0))


def _install(wanted: str, libraries: Path, platform: str, python: str) -> None:
    """Installs wheels for another machine, without running anything of theirs; every hash must match."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise Missing("uv is not here, which gets the libraries of an image: pip install uv")
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    place = ["--python", sys.executable, "--target", str(libraries)]
    there = ["--python-platform", PLATFORMS[platform], "--python-version", python]
    command = [uv, "pip", "install", *options, *place, *there, "--requirements", "-"]
    if subprocess.run(command, input=wanted, stdout=sys.stderr, text=True, check=False).returncode:
        raise BuildFailed("uv could not get the libraries of the image; it says why above")
    shutil.rmtree(libraries / "bin", ignore_errors=True)  # programs that would start this machine's Python
    (libraries / ".lock").unlink(missing_ok=True)


def _copy_lighterage(folder: Path) -> None:
    """The very lighterage that runs here, a checkout's or an installed one's: an image is never older or newer than its maker."""
    shutil.copytree(_PACKAGE, folder / "lighterage", ignore=shutil.ignore_patterns("__pycache__"))
    described = folder / f"lighterage-{__version__}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lighterage\nVersion: {__version__}\n")
