"""Runs in Prefect's environment: the jobs in jobs.json as one flow; the argument is how many at a time."""

import json
import sys
from pathlib import Path

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

JOBS = json.loads(Path("jobs.json").read_text())


@task
def add(value: int) -> int:
    return value + 1


@flow(name="jobs", task_runner=ThreadPoolTaskRunner(max_workers=int(sys.argv[1])))
def jobs() -> int:
    made = {}
    for name, source in JOBS:
        made[name] = add.submit(made[source] if source else 0)
    return [future.result() for future in made.values()][-1]


Path(JOBS[-1][0]).write_text(str(jobs()))
