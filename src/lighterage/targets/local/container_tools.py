"""podman and docker: which of them is here, what it can do, and what the images hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

TOOLS = ("podman", "docker")
_LIST = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


class Unavailable(Exception):
    """A tool or an image that a run in containers needs is not here; one or two sentences for the user."""


class Tool(NamedTuple):
    """A program that runs containers, as it is set up on this machine."""

    name: str
    user: tuple[str, ...]
    """options that make what a container writes the caller's own"""
    limits: frozenset[str]
    """of `cpu` and `memory`, what it can bound"""

    def words(self, *arguments: str) -> list[str]:
        return [self.name, *arguments]

    def call(self, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
        """Calls it, whatever its exit code."""
        return _call(self.words(*arguments), timeout)


def find_tool(wanted: str | None) -> Tool:
    """The one that is asked for, or else the first that is on the PATH. Raises Unavailable."""
    name = next((one for one in ([wanted] if wanted else TOOLS) if shutil.which(one)), None)
    if name is None:
        absent = f"{wanted} is" if wanted else f"{' and '.join(TOOLS)} are"
        raise Unavailable(f"{absent} not on the PATH: --containers needs podman or docker")
    return _podman() if name == "podman" else _docker()


def _podman() -> Tool:
    if os.geteuid() == 0 and sys.platform.startswith("linux"):
        return Tool("podman", ("--user=0:0", "--http-proxy=false"), frozenset({"cpu", "memory"}))
    host = _asked(["podman", "info", "--format=json"], "podman does not work here")["host"]
    user = (f"--user={os.getuid()}:{os.getgid()}", "--userns=keep-id", "--http-proxy=false")
    return Tool("podman", user, frozenset(host.get("cgroupControllers") or ()) & {"cpu", "memory"})


def _docker() -> Tool:
    facts = _asked(["docker", "info", "--format={{json .}}"], "docker's daemon does not answer")
    rootless = any("name=rootless" in one for one in facts.get("SecurityOptions") or ())
    can = {"cpu": facts.get("CpuCfsQuota"), "memory": facts.get("MemoryLimit")}
    user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"
    return Tool("docker", (f"--user={user}",), frozenset(name for name, yes in can.items() if yes))


def _asked(command: list[str], otherwise: str) -> dict[str, Any]:
    done = _call(command)
    if done.returncode:
        raise Unavailable(f"{otherwise}: {_last_line(done.stderr)}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _call(command: list[str], timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout
    )


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it says nothing")


def image_id(tool: Tool, image: str) -> str:
    """The id of an image on this machine, which is pulled when it is not there. Raises Unavailable."""
    command = ("image", "inspect", "--format={{.Id}}", image)
    found = tool.call(*command)
    if found.returncode and not image.startswith("localhost/"):
        print(f"pulling {image}", file=sys.stderr)
        pulled = tool.call("pull", "--quiet", image)
        if pulled.returncode:
            raise Unavailable(f"{tool.name} cannot get the image {image}: {_last_line(pulled.stderr)}")
        found = tool.call(*command)
    if found.returncode:
        raise Unavailable(
            f"{tool.name} has no image {image} ({_last_line(found.stderr)}); `lighterage images build` makes "
            "the images of the steps that ship, and an environment's `images:` names others"
        )
    return found.stdout.strip().removeprefix("sha256:")


def versions_in(tool: Tool, image: str, id: str) -> dict[str, str]:
    """Distributions that are installed in an image, by normalized name; it is asked once on this machine.

    Raises Unavailable for an image without Python.
    """
    known = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lighterage", "images", f"{id}.json")
    try:
        told: dict[str, str] = json.loads(known.read_text(encoding="utf-8"))
        return told
    except (OSError, ValueError):
        pass
    asked = tool.call("run", "--rm", "--network=none", "--entrypoint=python3", id, "-c", _LIST)
    try:
        found = {normalized(name): version for name, version in json.loads(asked.stdout).items()}
    except ValueError:
        why = _last_line(asked.stderr)
        raise Unavailable(f"python3 in the image {image} does not tell its libraries: {why}") from None
    known.parent.mkdir(parents=True, exist_ok=True)
    place = known.with_suffix(f".{os.getpid()}")
    place.write_text(json.dumps(found), encoding="utf-8")
    place.replace(known)
    return found


def normalized(distribution: str) -> str:
    """A distribution's name as https://packaging.python.org/en/latest/specifications/name-normalization has it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
