"""`lighterage retry RUN`"""

from __future__ import annotations

import json

import click

from ..recording.settling import start_again
from ..schemas.record import RunRecord
from .argo import Argo, workflow_of
from .clusters import cluster_run, up_to_date
from .stores import again, shared, store_options, the_run, the_store


@click.command()
@click.argument("run")
@click.option("--watch", is_flag=True, help="Stay and watch it run.")
@store_options
def command(run: str, watch: bool, environment: str | None, store: str | None) -> int:
    """Run again what failed in a run on a cluster, with the same code and parameters. After a change, submit again:
    what was done comes from the cache."""
    opened = the_store(environment, store)
    record = the_run(opened, run)
    argo = cluster_run(record, environment, "run the workflow again; what was done comes from the cache")
    record = up_to_date(opened, record, environment)
    if record.status in ("running", "succeeded"):
        raise click.UsageError(f"nothing to run again: {record.run} is {record.status}")
    _retry(argo, record)
    running = start_again(shared(opened), record)
    if watch:
        from .watch import watch as watch_run

        return watch_run(opened, running, argo, "text", again(running, environment, store))
    click.echo(
        f"{running.run} runs again; watch it with: lighterage watch {again(running, environment, store)}", err=True
    )
    return 0


def _retry(argo: Argo, run: RunRecord) -> None:
    from ..targets.argo.retrying import mended

    before = argo.workflow(run)
    if before is None:
        raise click.UsageError(f"the cluster has forgotten {run.run}: submit again; what was done comes from the cache")
    name = workflow_of(run)[0]
    argo.argo("retry", name)
    after = argo.workflow(run)
    patch = mended(before, after) if after else None
    if patch:
        argo.kubectl("patch", "workflow", name, "--type=merge", f"--patch={json.dumps(patch)}")
