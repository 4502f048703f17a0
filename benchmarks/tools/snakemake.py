"""Snakemake: rules by file name."""

from __future__ import annotations

import sys
from pathlib import Path

from ..jobs import Job, write_add
from ..peers import Peers


def write(folder: Path, jobs: list[Job]) -> None:
    write_add(folder)
    rules = [f"rule all:\n    input: {[job.name for job in jobs]}\n"]
    for job in jobs:
        rules.append(
            f"rule {job.name}:\n    input: {job.source or 'start'!r}\n    output: {job.name!r}\n"
            f"    shell: '{sys.executable} -I add.py {{input}} {{output}}'\n"
        )
    (folder / "Snakefile").write_text("".join(rules))


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return [peers.program("snakemake"), "--quiet", "all", "--cores", str(at_once)]
