"""What a run costs that has nothing to do."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from ..jobs import chain
from ..timing import OURS, Benchmark, Contender, ratio, run
from ..tools import lighterage

LIBRARIES = "from pydantic import BaseModel, Field; import yaml, click\nclass Model(BaseModel): value: int = Field(0)"
"""pydantic loads half of itself when the first model is made"""
JOBS = chain(20)
RUN = [*lighterage.RUN, "1", "--quiet"]


def _run_before(folder: Path) -> None:
    lighterage.write(folder, JOBS)
    run(RUN, folder)


BENCHMARK = Benchmark(
    "cached",
    "run a chain of 20 tasks again, all cached",
    (
        Contender(OURS, lambda peers: RUN, _run_before, partial(lighterage.check, jobs=JOBS)),
        Contender("import", lambda peers: [sys.executable, "-c", LIBRARIES]),
    ),
    (ratio(OURS, "import", 1.5),),
)
