"""The same jobs for every tool that runs jobs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..jobs import Job, value_of_last
from ..timing import OURS, Contender
from ..tools import cwltool, dvc, kfp, lighterage, make, metaflow, prefect, snakemake

FAST = {OURS: lighterage, "make": make, "kfp": kfp, "dvc": dvc}
SLOW = {"cwltool": cwltool, "snakemake": snakemake, "metaflow": metaflow, "prefect": prefect}


def contenders(jobs: list[Job], at_once: int) -> tuple[Contender, ...]:
    """Ours first; the slower peers only take part when asked for."""
    return tuple(
        Contender(
            name,
            partial(tool.command, at_once=at_once),
            partial(tool.write, jobs=jobs),
            partial(getattr(tool, "check", _check_file), jobs=jobs),
            slow=name in SLOW,
        )
        for name, tool in (FAST | SLOW).items()
    )


def _check_file(folder: Path, jobs: list[Job]) -> None:
    """The last job's value, from the file of its name."""
    found = (folder / jobs[-1].name).read_text()
    assert found == str(value_of_last(jobs)), f"the last job made {found}"
