"""The programs that build and push images: podman, buildah or docker, whichever is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..diagnostics import Missing
from ..schemas.image import parse_image

TOOLS = ("podman", "buildah", "docker")


class BuildFailed(Exception):
    """A program did not do what it was asked to."""


class Built(NamedTuple):
    """An image on this machine."""

    name: str
    id: str
    """digest of its configuration: equal for equal content"""
    digest: str | None = None
    """what registries and clusters know it by, once it is pushed"""


class Builder:
    """One of the programs. What it says goes to stderr; ``options`` are handed to its `build` as they are."""

    def __init__(self, tool: str | None = None, options: Sequence[str] = ()) -> None:
        """Raises Missing when it, or any of them, is not on the PATH."""
        found = next((one for one in ([tool] if tool else TOOLS) if shutil.which(one)), None)
        if found is None:
            told = f"{tool} is not on the PATH" if tool else f"none of {', '.join(TOOLS)} is on the PATH"
            raise Missing(f"{told}: one of them must build the images")
        self.tool = found
        self.options = options

    def build(self, context: Path, name: str, platform: str, arguments: Mapping[str, str]) -> Built:
        """Builds ``context``'s Containerfile. Raises BuildFailed."""
        with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
            told = Path(folder) / "id"
            given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
            command = ["build", f"--file={context / 'Containerfile'}", f"--tag={name}", f"--iidfile={told}"]
            self._run([*command, f"--platform={platform}", *self._layers(), *given, *self.options, str(context)])
            return Built(name, told.read_text(encoding="utf-8").strip())

    def tag(self, built: Built, name: str) -> Built:
        """Gives an image another name. Raises BuildFailed."""
        self._run(["tag", built.id, name])
        return built._replace(name=name)

    def base(self, built: Built) -> str:
        """How a Containerfile names an image that was built here: by what it is, so that no other build can change it."""
        return built.name if self.tool == "docker" else built.id.removeprefix("sha256:")  # BuildKit knows no ids

    def push(self, built: Built) -> Built:
        """Pushes an image, and tells its digest. Raises BuildFailed."""
        if self.tool == "docker":
            self._run(["push", built.name])
            form = "--format={{range .RepoDigests}}{{println .}}{{end}}"
            told = subprocess.check_output(["docker", "image", "inspect", form, built.name], text=True).split()
            digests = dict(one.split("@") for one in told)
            return built._replace(digest=digests[parse_image(built.name).name])
        with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
            told_file = Path(folder) / "digest"
            self._run(["push", f"--digestfile={told_file}", built.name])
            return built._replace(digest=told_file.read_text(encoding="utf-8").strip())

    def _layers(self) -> list[str]:
        """One date for all files, so that the same content has the same digest; and a layer for each instruction."""
        return ["--build-arg=SOURCE_DATE_EPOCH=0"] if self.tool == "docker" else ["--timestamp=0", "--layers"]

    def _run(self, arguments: Sequence[str]) -> None:
        code = subprocess.run([self.tool, *arguments], stdout=sys.stderr, check=False).returncode
        if code:
            raise BuildFailed(f"{self.tool} {arguments[0]} ended with exit code {code}; it says why above")
