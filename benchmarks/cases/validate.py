"""How much checking a workflow costs over the libraries that it is checked with."""

from __future__ import annotations

import sys
from functools import partial

from ..jobs import chain
from ..timing import OURS, Benchmark, Contender, ratio
from ..tools import lighterage

VALIDATE = [lighterage.PROGRAM, "validate", "workflow.yaml"]
LIBRARIES = "from pydantic import BaseModel; import yaml"

BENCHMARK = Benchmark(
    "validate",
    "validate a workflow of 500 tasks",
    (
        Contender(OURS, lambda peers: VALIDATE, partial(lighterage.write, jobs=chain(500))),
        Contender("import", lambda peers: [sys.executable, "-c", LIBRARIES]),
    ),
    (ratio(OURS, "import", 4.0),),
)
