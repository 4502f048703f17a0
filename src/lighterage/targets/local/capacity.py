"""What this machine can give to tasks at one time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...schemas.environment import Capacity as Declared
from ...schemas.plan import PlannedResources
from ...schemas.shape import bytes_of, cpus_of


@dataclass
class Capacity:
    """What is free; a task takes its needs and gives them back."""

    cpu: float
    memory: int
    slots: int
    """tasks at one time"""

    def __post_init__(self) -> None:
        self.all_cpu, self.all_memory = self.cpu, self.memory

    def needs(self, resources: PlannedResources) -> tuple[float, int]:
        """What a task takes here: never more than there is, so that every plan can run on every laptop, if slowly."""
        return min(resources.cpu, self.all_cpu), min(resources.memory, self.all_memory)

    def fits(self, resources: PlannedResources) -> bool:
        cpu, memory = self.needs(resources)
        return self.slots > 0 and cpu <= self.cpu + 1e-9 and memory <= self.memory

    def take(self, resources: PlannedResources, sign: int = 1) -> None:
        cpu, memory = self.needs(resources)
        self.cpu -= sign * cpu
        self.memory -= sign * memory
        self.slots -= sign

    def give_back(self, resources: PlannedResources) -> None:
        self.take(resources, -1)


def machine(declared: Declared, jobs: int | None = None) -> Capacity:
    """This machine's capacity, or the part of it that the environment grants. ``jobs`` bounds tasks at one time;
    it may be more than there are CPUs, and then CPUs no longer count."""
    cpus = cpus_of(declared.cpu) if declared.cpu else float(usable_cpus())
    memory = bytes_of(declared.memory) if declared.memory else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(cpu=max(cpus, jobs or 0), memory=memory, slots=jobs or 10_000)


def usable_cpus() -> int:
    """CPUs this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
