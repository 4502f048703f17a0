"""What an environment needs and whether it is there: store, images, this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ..catalog import find_step, shipped_steps
from ..catalog.shipped import shipped
from ..launching.ingredients import version_of
from ..schemas.environment import Capacity, Environment, Site
from ..schemas.shape import bytes_of, cpus_of
from ..targets.local.capacity import machine

LIBRARIES = {
    "s3": ("obstore", "s3"),
    "gs": ("google-cloud-storage", "gcs"),
    "az": ("obstore", "azure"),
    "abfs": ("obstore", "azure"),
}
"""protocol of a store -> distribution that speaks it, and the extra that brings it"""


class Finding(NamedTuple):
    """One thing that was looked at."""

    state: Literal["ok", "note", "missing"]
    what: str
    told: str


def store(url: str) -> Finding:
    """Whether this machine can reach a store of that kind; the store itself is not opened."""
    protocol, remote, _ = url.partition("://")
    if remote and protocol not in ("file", "memory"):
        library, extra = LIBRARIES[protocol]
        version = version_of(library)
        if version is None:
            return Finding("missing", "store", f"{protocol}:// needs {library}: pip install 'lighterage[{extra}]'")
        return Finding("ok", "store", f"{protocol}:// by {library} {version}")
    if protocol == "memory":
        return Finding("ok", "store", "in memory, gone with the process")
    folder = Path(url.removeprefix("file://")).expanduser().absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("missing", "store", f"{there} is not a folder that you may write to")
    return Finding("ok", "store", str(folder) if there == folder else f"{folder}, made by the first run")


def images(environment: Environment) -> Iterator[Finding]:
    """Whether the runtimes of the steps that ship are named, by real names, and pinned."""
    found = (find_step(name, Path())[0] for name in shipped_steps())
    wanted = {one.step.image for one in found if one}
    runtimes = {name for name in wanted if not any(mark in name for mark in "/:@")}
    if unnamed := sorted(runtimes - environment.images.keys()):
        yield Finding("missing", "images", f"steps that ship run in {_listed(unnamed)}, which images: does not name")
    examples = sorted(name for name, image in environment.images.items() if _host(image).endswith(".example"))
    if examples:
        yield Finding("missing", "images", f"{_listed(examples)}: still the example's, which no registry has")
    loose = sorted(name for name, image in environment.images.items() if "@sha256:" not in image)
    if loose:
        yield Finding(
            "note", "images", f"{_listed(loose)}: not pinned by digest (…@sha256:…), so a tag can change its content"
        )
    if not (unnamed or examples or loose):
        yield Finding("ok", "images", f"{_listed(sorted(environment.images))}, pinned by digest")


def local(site: Site) -> Iterator[Finding]:
    """This machine: what it grants to tasks, the files that ship, the libraries of steps."""
    here, granted = machine(Capacity()), site.capacity
    told = f"{here.cpu:g} CPUs, {here.memory / 2**30:.1f} GiB of memory"
    if granted.cpu is not None and cpus_of(granted.cpu) > here.cpu:
        yield Finding("missing", "capacity", f"{granted.cpu} CPUs are granted, but there are {told}")
    elif granted.memory is not None and bytes_of(granted.memory) > here.memory:
        yield Finding("missing", "capacity", f"{granted.memory} of memory is granted, but there are {told}")
    else:
        yield Finding("ok", "capacity", told)
    absent = [name for name in ("steps", "workflows", "environments") if not shipped(name).is_dir()]
    if absent:
        yield Finding("missing", "links", f"this checkout lacks {_listed(absent)}: clone with -c core.symlinks=true")
    else:
        yield Finding("ok", "links", "steps, workflows and environments are found")
    yield from libraries()


def libraries() -> Iterator[Finding]:
    """The libraries that steps which ship require, and who cannot run without them."""
    needed: dict[str, list[str]] = {}
    for name in shipped_steps():
        step, _ = find_step(name, Path())
        for library in step.step.requires if step else ():
            needed.setdefault(library, []).append(name)
    for library, steps in sorted(needed.items()):
        version = version_of(library)
        if version is None:
            yield Finding("missing", library, f"needed by {_listed(steps)}: pip install 'lighterage[all]'")
        else:
            yield Finding("ok", library, version)


def _host(image: str) -> str:
    return image.partition("/")[0].partition(":")[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
