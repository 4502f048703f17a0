"""What goes wrong with machines, disks, networks and people, one module a family: `make faults`.

Each fault is done to lighterage and, where somebody would do it so, to the naive way: whoever reads a zero wants to see
that the same fault can do harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from .fault import Fault

_FAMILIES = (
    "killing",
    "sweeping",
    "breaking",
    "racing",
    "filling",
    "network",
    "corrupting",
    "clocks",
    "logs",
    "signals",
    "names",
    "places",
    "deciding",
)


def all_faults() -> Iterator[Fault]:
    """In the order of their numbers."""
    found = [fault for family in _FAMILIES for fault in import_module(f".{family}", __name__).FAULTS]
    yield from sorted(found, key=lambda fault: (int(fault.id[1:].rstrip("abcdefg")), fault.id))
