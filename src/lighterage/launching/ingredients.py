"""What decides a task's result, and the cache key made of it.

Step contract, step code, the image or the libraries it requires, typed values, and the content of what comes in:
these and nothing else. No clock, no path, no host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..schemas import BadInput
from ..schemas.contract import Port
from ..schemas.plan import PlannedStep, canonical, digest_of
from ..schemas.shape import API_VERSION
from ..storing import StoreError

_PACKAGE = "package:"
_TICK = 2.0
"""seconds that the coarsest clocks of file systems take from one time to the next"""
Versions = Callable[[str], str | None]
"""version of a distribution where the step runs; None when it is not there"""


def ingredients(
    step: PlannedStep, inputs: dict[str, Any], base: Path | None, versions: Versions | None = None
) -> dict[str, Any]:
    """Everything that decides the result of a step with these inputs, by name.

    ``inputs`` hold values and artifacts' references; ``base`` is the folder that relative paths start from; ``versions``
    are this Python's where nothing is said. Raises BadInput for external data that is not there, StoreError where a
    server of it does not say.
    """
    versions = versions or version_of
    values, artifacts, external = {}, {}, {}
    for name, value in inputs.items():
        port = step.inputs[name]
        if port.is_artifact:
            artifacts[name] = [one["digest"] for one in value] if isinstance(value, list) else value["digest"]
            continue
        values[name] = _typed(port, value)
        if port.external:
            external[name] = fingerprint(value, base, versions)
    return {
        "format": API_VERSION,
        "step": f"{step.name}@{step.version}",
        "contract": step.contract,
        "code": step.code,
        "image": step.image if step.command else None,
        "libraries": {name: versions(name) for name in step.requires},
        "values": values,
        "artifacts": artifacts,
        "external": external,
    }


def key_of(found: dict[str, Any]) -> str:
    """The cache key: 64 hexadecimal digits."""
    return digest_of(found).removeprefix("sha256:")


def differences(now: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    """What is not the same, in words, the most telling first."""
    for group, said in (
        ("values", "value"),
        ("external", "external data"),
        ("artifacts", "input"),
        ("libraries", "library"),
    ):
        new, old = now.get(group, {}), before.get(group, {})
        for name in sorted(new.keys() | old.keys()):
            if _differ(new.get(name), old.get(name)):
                shown = f": {old.get(name)} → {new.get(name)}" if group in ("values", "libraries") else ""
                yield f"{said} {name!r} changed{shown}"
    for part, said in (
        ("code", "the step's code"),
        ("contract", "the step's contract"),
        ("step", "the step"),
        ("image", "the image"),
        ("format", "the format of cache keys"),
    ):
        if now.get(part) != before.get(part):
            yield f"{said} changed"


def _differ(new: Any, old: Any) -> bool:
    """As keys do: to Python 1, 1.0 and true are equal."""
    return canonical(new) != canonical(old)


def _typed(port: Port, value: Any) -> Any:
    """An integer given where a number is asked for is that number: 1 and 1.0 are one value there, and two elsewhere."""
    if port.type == "number" and type(value) is int:
        return float(value)
    if port.items and isinstance(value, list):
        return [_typed(port.items, item) for item in value]
    return value


@cache
def version_of(distribution: str) -> str | None:
    """Version of an installed distribution; None when it is not there."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def fingerprint(source: str, base: Path | None, versions: Versions, aside: bool = True) -> str:
    """What external data holds: the version of a package, the digest of a file or folder, what a store says of an object."""
    if source.startswith(_PACKAGE):
        distribution = {"sklearn": "scikit-learn"}.get(name := source.removeprefix(_PACKAGE).split(".")[0], name)
        return f"{distribution} {versions(distribution)}"
    if "://" in source and not source.startswith("file://"):
        return _told_by_store(source, aside)
    path = local_path(source, base)
    if path.is_dir():
        return digest_of(
            [[file.relative_to(path).as_posix(), _digest(file)] for file in sorted(path.rglob("*")) if file.is_file()]
        )
    return _digest(path)


def changed_since(
    since: float, before: Mapping[str, str], inputs: Mapping[str, Any], base: Path | None
) -> Iterator[str]:
    """What external data is not as it was at a time, in seconds since 1970, in words. ``before`` holds its fingerprints
    of then. Local files that nobody has touched are not read again. For the task's own process, which may have threads."""
    for name, fingerprint_then in before.items():
        source = inputs[name]
        if source.startswith(_PACKAGE) or not _touched(source, base, since - _TICK):
            continue
        try:
            if fingerprint(source, base, version_of, aside=False) == fingerprint_then:
                continue
            how = "changed while the task ran"
        except BadInput:
            how = "changed while the task ran"
        except StoreError as error:
            how = f"may have changed while the task ran ({error})"
        yield f"external data {name!r}, {source}, {how}"


def _touched(source: str, base: Path | None, since: float) -> bool:
    """Whether a file, or a folder or what is in it, may have changed; true of what a store holds."""
    if "://" in source and not source.startswith("file://"):
        return True
    path = local_path(source, base).absolute()
    try:
        links = [place for place in path.parents if place.is_symlink()]  # one that leads to old data now is new itself
        return any(place.lstat().st_ctime >= since for place in links) or any(
            max(place.stat().st_ctime, place.lstat().st_ctime) >= since for place in (path, *path.rglob("*"))
        )
    except OSError:
        return True


def local_path(source: str, base: Path | None) -> Path:
    """Where a path on this machine leads; a relative one starts from the workflow's folder."""
    return (base or Path()) / source.removeprefix("file://")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def _told_by_store(url: str, aside: bool) -> str:
    from .external import object_facts

    return digest_of(object_facts(url, aside))
