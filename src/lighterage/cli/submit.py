"""`lighterage submit WORKFLOW -e ENV`"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..launching.delivery import deliver
from ..schemas import BadInput
from ..schemas.plan import Plan
from ..schemas.record import RunRecord
from ..storing import Store, StoreError, open_store
from .argo import Argo, Refused
from .loading import environment_option, json_option, parameter_options, store_option
from .manifests import manifests, plan_for_cluster
from .stores import again, shared
from .talk import print_json


@click.command()
@click.argument("workflow", type=click.Path())
@environment_option(default=None)
@parameter_options
@store_option
@click.option("--watch", is_flag=True, help="Stay and watch it run.")
@click.option("--dry-run", is_flag=True, help="Ask the cluster whether it would take it, and change nothing.")
@json_option
def command(
    workflow: str,
    environment: str,
    parameters: tuple[str, ...],
    params: str | None,
    store: str | None,
    watch: bool,
    dry_run: bool,
    form: str,
) -> int:
    """Start a workflow on a cluster, through kubectl. Prints the run's name."""
    planned = plan_for_cluster(workflow, environment, parameters, params, store)
    assert planned.plan is not None and planned.environment is not None
    site = next(iter(planned.environment.sites.values()))
    files = manifests(planned)
    argo = Argo(site)
    if dry_run:
        _create(argo, planned.plan.workflow, files, "--dry-run=server")
        click.echo("the cluster would take it; nothing was changed", err=True)
        return 0
    opened = _store(planned.plan.store)
    if planned.environment.code == "store":
        _deliver(planned.plan, opened)
    created = _create(argo, planned.plan.workflow, files)
    record = _recorded(created, planned.plan, opened)
    if watch:
        from .watch import watch as watch_run

        if form != "json":
            click.echo(record.run)
        return watch_run(opened, record, argo, form, again(record, environment, store))
    if form == "json":
        place = {"namespace": site.namespace, "context": site.context, "environment": planned.plan.environment}
        print_json({"run": record.run, "workflow": created["metadata"]["name"], **place, "store": planned.plan.store})
    else:
        click.echo(record.run)
    click.echo(f"watch it with: lighterage watch {again(record, environment, store)}", err=True)
    return 0


def _store(url: str) -> Store:
    """The store, made where it is not there yet. A folder must be one that pods see too, so it is never made."""
    folder = url.removeprefix("file://")
    if "://" not in folder and not Path(folder).is_dir():
        message = f"the store {url} is not on this machine, and submit keeps the plan and your steps' code there"
        raise StoreError(f"{message}: mount the volume that the pods see, or use lighterage compile and argo submit")
    return shared(open_store(url))


def _deliver(settled: Plan, store: Store) -> None:
    try:
        deliver(settled, store)
    except BadInput as error:
        raise click.UsageError(f"{error}; submit again") from None


def _create(argo: Argo, workflow: str, files: dict[str, str], *dry_run: str) -> dict[str, Any]:
    """Applies rights and templates, creates the Workflow and returns it."""
    with tempfile.TemporaryDirectory(prefix="lighterage-") as name:
        folder = Path(name)
        for file, text in files.items():
            folder.joinpath(file).write_text(text, encoding="utf-8")
        submitted = f"{workflow}.yaml"
        templates = [
            part for file in files if file not in ("rbac.yaml", submitted) for part in ("-f", str(folder / file))
        ]
        try:
            argo.kubectl("apply", "--server-side", *dry_run, "-f", str(folder / "rbac.yaml"))
        except Refused as error:
            if "forbidden" not in str(error).lower():
                raise
            click.echo(f"the rights that pods need are taken to be there: {error}", err=True)
        argo.kubectl("apply", "--server-side", *dry_run, *templates)
        created = argo.kubectl("create", *dry_run, "-o", "json", "-f", str(folder / submitted))
    found: dict[str, Any] = json.loads(created)
    return found


def _recorded(created: dict[str, Any], settled: Plan, store: Store) -> RunRecord:
    """The run's record, written beside its plan."""
    record = RunRecord(
        run=f"{created['metadata']['name']}.{created['metadata']['uid']}",
        workflow=settled.workflow,
        environment=settled.environment,
        arguments=settled.arguments,
        started=time.time(),
        status="running",
        engine=__version__,
    )
    store.write_plan(record.run, settled)
    store.write_run(record)
    return record
