"""Tasks onto the environment's site: pools, capacity, accelerators."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from ..schemas.environment import Environment, Site
from ..schemas.plan import PlannedResources
from ..schemas.shape import Resources, bytes_of, cpus_of


def settle_resources(resources: Resources) -> PlannedResources:
    """Needs in plain units."""
    return PlannedResources(
        cpu=cpus_of(resources.cpu),
        memory=bytes_of(resources.memory),
        disk=bytes_of(resources.disk) if resources.disk is not None else None,
        accelerator=resources.wanted_accelerator(),
        grow=resources.grow,
    )


def place(environment: Environment, task: str) -> tuple[str, str | None]:
    """Site and pool of a task: the first placement that matches, else the pool `default` where there is one."""
    site_name, site = next(iter(environment.sites.items()))
    for placement in environment.placement:
        if fnmatchcase(task, placement.tasks):
            return site_name, placement.pool
    return site_name, "default" if "default" in site.pools else None


def misfits(site: Site, pool: str | None, needs: PlannedResources) -> Iterator[tuple[str, str]]:
    """Why a task cannot be where it was placed: code and sentence."""
    capacity = site.capacity
    if capacity.cpu is not None and needs.cpu > cpus_of(capacity.cpu):
        yield "L501", f"needs {needs.cpu:g} CPUs, but the site has {cpus_of(capacity.cpu):g}"
    if capacity.memory is not None and needs.memory > bytes_of(capacity.memory):
        yield "L501", f"needs {needs.memory / 2**30:.1f} GiB of memory, but the site has {capacity.memory}"
    if needs.accelerator:
        kind = needs.accelerator.kind
        offered = site.pools[pool].accelerators if pool in site.pools else {}
        if kind not in offered:
            where = f"the pool {pool!r}" if pool else "the site"
            yield "L502", f"needs an accelerator {kind!r}, which {where} does not offer"
