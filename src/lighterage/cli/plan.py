"""`lighterage plan WORKFLOW`"""

from __future__ import annotations

import json

import click

from ..recording.forecast import Forecast, forecast
from ..storing import NoStore, Store, open_store
from .loading import environment_option, json_option, parameter_options, plan, store_option
from .talk import print_json, table


@click.command()
@click.argument("workflow", type=click.Path(exists=False))
@environment_option()
@parameter_options
@store_option
@json_option
def command(
    workflow: str, environment: str, parameters: tuple[str, ...], params: str | None, store: str | None, form: str
) -> None:
    """Show what would run, where, what is cached, and why the rest is not."""
    from pathlib import Path

    settled = plan(workflow, environment, parameters, params, store).plan
    assert settled is not None
    lines = list(forecast(settled, _store(settled.store), Path(workflow).absolute().parent))
    if form == "json":
        print_json({"plan": json.loads(settled.json_text()), "tasks": [line.as_json() for line in lines]})
        return
    click.echo(table([_row(line) for line in lines], ("task", "step", "on", "needs", "will", "because")))
    runs = sum(line.verdict == "run" for line in lines)
    click.echo(
        f"\n{len(lines)} task instances in {settled.environment}: {runs} to run, {len(lines) - runs} not", err=True
    )


def _store(url: str) -> Store | None:
    """To look makes no store."""
    try:
        return open_store(url, create=False)
    except NoStore:
        return None


def _row(line: Forecast) -> tuple[str, ...]:
    place = f"{line.task.site}/{line.task.pool}" if line.task.pool else line.task.site
    resources = line.task.resources
    needs = f"{resources.cpu:g} cpu, {resources.memory / 2**30:g} Gi"
    if resources.accelerator:
        needs += f", {resources.accelerator.count} {resources.accelerator.kind}"
    return line.label, line.task.step, place, needs, line.verdict, line.reason
