"""GNU make: no digests, no records, no isolation; the least that twenty processes can cost."""

from __future__ import annotations

import sys
from pathlib import Path

from ..jobs import Job, write_add
from ..peers import Peers


def write(folder: Path, jobs: list[Job]) -> None:
    write_add(folder)
    rules = [_rule(job.name, job.source or "start") for job in jobs]
    (folder / "Makefile").write_text(f"all: {' '.join(job.name for job in jobs)}\n" + "".join(rules))


def _rule(name: str, source: str) -> str:
    return f"{name}: {source}\n\t@{sys.executable} -I add.py {source} {name}\n"


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return ["make", "--silent", f"-j{at_once}"]
