"""The ground under every schema: strictness, names, quantities."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

API_VERSION = "lighterage/v1"
ApiVersion = Literal["lighterage/v1"]

TASK_NAME = r"^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$"
FIELD_NAME = r"^[a-z][a-z0-9_]{0,62}$"

TaskName = Annotated[str, Field(pattern=TASK_NAME, description="lower-case letters, digits and '-', at most 63")]
FieldName = Annotated[str, Field(pattern=FIELD_NAME, description="lower-case letters, digits and '_', at most 63")]


class Shape(BaseModel):
    """Strict, frozen, and closed: an unknown field is a mistake, a string is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?")
_MEMORY_UNITS = {
    None: 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
_CPU = re.compile(r"(\d+)m")


def seconds_of(duration: str) -> float:
    """``"90s"``, ``"10m"``, ``"2h"``, ``"7d"`` -> seconds. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(duration)
    if not match:
        raise ValueError("a duration is a number with a unit s, m, h or d, such as 90s or 2h")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def bytes_of(memory: str | int) -> int:
    """``"512Mi"``, ``"4Gi"``, ``"1.5G"`` or a plain number -> bytes. Raises ValueError for anything else."""
    match = _MEMORY.fullmatch(str(memory))
    if not match:
        raise ValueError("memory is a number with a unit Ki, Mi, Gi or Ti (or k, M, G, T), such as 512Mi")
    return int(float(match[1]) * _MEMORY_UNITS[match[2]])


def cpus_of(cpu: str | float) -> float:
    """``2``, ``0.5`` or ``"500m"`` -> CPUs. Raises ValueError for anything else, and for none or less."""
    match = _CPU.fullmatch(cpu) if isinstance(cpu, str) else None
    cpus = float(match[1]) / 1000 if match else cpu if not isinstance(cpu, str) else 0.0
    if not cpus > 0:
        raise ValueError("cpu is a number above 0, or thousandths such as 500m")
    return float(cpus)


def _checked(parse: Any) -> AfterValidator:
    def check(value: Any) -> Any:
        parse(value)
        return value

    return AfterValidator(check)


Duration = Annotated[str, _checked(seconds_of), Field(examples=["90s", "10m", "2h", "7d"])]
Memory = Annotated[str | int, _checked(bytes_of), Field(examples=["512Mi", "4Gi"])]
Cpu = Annotated[int | float | str, _checked(cpus_of), Field(examples=[2, 0.5, "500m"])]


class Accelerator(Shape):
    """Accelerators a task needs."""

    kind: str
    """what it is, as the environment names it: gpu, tpu …"""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """how many"""


Factor = Annotated[int | float, Field(ge=1, le=10)]


class Growth(Shape):
    """By what factor needs grow with each further attempt, for what ran out of them."""

    cpu: Factor = 1
    """CPUs"""
    memory: Factor = 1
    """memory"""
    disk: Factor = 1
    """disk"""


class Resources(Shape):
    """What one instance of a task needs."""

    cpu: Cpu = 1
    """CPUs: 2, 0.5 or 500m"""
    memory: Memory = "1Gi"
    """memory with its unit"""
    disk: Memory | None = None
    """room for files while it works, with its unit"""
    accelerator: str | Accelerator | None = None
    """a kind (`gpu`) or `{kind: gpu, count: 2}`"""
    grow: Growth | None = None
    """more with each further attempt: {memory: 2} doubles it"""

    def wanted_accelerator(self) -> Accelerator | None:
        """The accelerator in its long form."""
        return Accelerator(kind=self.accelerator) if isinstance(self.accelerator, str) else self.accelerator
