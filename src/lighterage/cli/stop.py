"""`lighterage stop RUN`"""

from __future__ import annotations

import click

from .argo import workflow_of
from .clusters import cluster_run, up_to_date
from .stores import again, store_options, the_run, the_store


@click.command()
@click.argument("run")
@click.option("--now", is_flag=True, help="At once, and without what follows a run (`on_exit`).")
@store_options
def command(run: str, now: bool, environment: str | None, store: str | None) -> None:
    """Stop a run on a cluster. What follows a run still runs, unless you say --now."""
    opened = the_store(environment, store)
    record = the_run(opened, run)
    argo = cluster_run(record, environment, "press Ctrl-C where it runs")
    record = up_to_date(opened, record, environment)
    if record.status != "running":
        raise click.UsageError(f"{record.run} has ended: {record.status}")
    argo.argo("terminate" if now else "stop", workflow_of(record)[0])
    click.echo(
        f"{record.run} is stopping; see it end with: lighterage watch {again(record, environment, store)}", err=True
    )
