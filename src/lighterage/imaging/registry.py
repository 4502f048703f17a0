"""The digest that a tag stands for, asked of its registry by a program that knows how to log in there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable

from ..diagnostics import Missing


class NotResolved(Missing):
    """A registry that cannot be reached, or does not have the image."""


def resolver(tool: str | None = None) -> Callable[[str], str]:
    """What gives the ``sha256:…`` of a tagged reference, or raises NotResolved. Raises Missing when no program is there."""
    found = next((one for one in ([tool] if tool else RESOLVERS) if _usable(one)), None)
    if found is None:
        told = f"{tool} cannot be used here" if tool else f"none of {', '.join(RESOLVERS)} is on the PATH"
        raise Missing(f"{told}: one of them must ask the registries")
    return RESOLVERS[found]


def _usable(tool: str) -> bool:
    """docker asks registries with a plugin of its, which not every machine has."""
    if shutil.which(tool) is None:
        return False
    return tool != "docker" or subprocess.run([tool, "buildx", "version"], capture_output=True).returncode == 0


def _skopeo(image: str) -> str:
    return "sha256:" + hashlib.sha256(_told("skopeo", "inspect", "--raw", f"docker://{image}")).hexdigest()


def _crane(image: str) -> str:
    return _told("crane", "digest", image).decode().strip()


def _docker(image: str) -> str:
    manifest = _told("docker", "buildx", "imagetools", "inspect", "--format={{json .Manifest}}", image)
    return str(json.loads(manifest)["digest"])


def _podman(image: str) -> str:
    return _by_list("podman", image)


def _buildah(image: str) -> str:
    return _by_list("buildah", image)


def _by_list(tool: str, image: str) -> str:
    """Through a list made for the purpose, for which they read the manifest alone: of several platforms, this machine's."""
    scratch = f"localhost/lighterage-lock-{hashlib.sha256(image.encode()).hexdigest()[:16]}"
    _told(tool, "manifest", "create", scratch)
    try:
        _told(tool, "manifest", "add", scratch, f"docker://{image}")
        return str(json.loads(_told(tool, "manifest", "inspect", scratch))["manifests"][0]["digest"])
    finally:
        _told(tool, "manifest", "rm", scratch)


def _told(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotResolved(f"{command[0]} says: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout


RESOLVERS: dict[str, Callable[[str], str]] = {
    "skopeo": _skopeo,
    "crane": _crane,
    "docker": _docker,
    "podman": _podman,
    "buildah": _buildah,
}
"""in the order in which they are tried: those that know the whole of an image for several platforms come first"""
