"""Runs in KFP's environment: the jobs in jobs.json as one pipeline, in processes on this machine."""

import json
from pathlib import Path

from kfp import dsl, local

JOBS = json.loads(Path("jobs.json").read_text())
local.init(runner=local.SubprocessRunner(use_venv=False))


@dsl.component(install_kfp_package=False)
def add(value: int) -> int:
    return value + 1


@dsl.pipeline(name="jobs")
def pipeline() -> int:
    made = {}
    for name, source in JOBS:
        made[name] = add(value=made[source].output if source else 0)
        made[name].set_caching_options(False)
    return made[name].output


Path(JOBS[-1][0]).write_text(str(pipeline().output))
