"""`lighterage compile WORKFLOW -e ENV`"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .loading import environment_option, parameter_options, store_option
from .manifests import manifests, plan_for_cluster


@click.command()
@click.argument("workflow", type=click.Path())
@environment_option(default=None)
@parameter_options
@store_option
@click.option("-o", "--output", metavar="DIR", default="-", help="Folder to write to, or - for stdout. Default: -.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["template", "workflow", "cron"]),
    default="template",
    help="A WorkflowTemplate and a small Workflow that refers to it; one Workflow with everything in it; or a "
    "WorkflowTemplate and a CronWorkflow. Default: template.",
)
@click.option("--require-digest", is_flag=True, help="Refuse images that are not named by digest.")
def command(
    workflow: str,
    environment: str,
    parameters: tuple[str, ...],
    params: str | None,
    store: str | None,
    output: str,
    form: Literal["template", "workflow", "cron"],
    require_digest: bool,
) -> None:
    """Write plain Argo Workflows manifests: `argo submit` and `kubectl apply` take them as they are."""
    planned = plan_for_cluster(workflow, environment, parameters, params, store)
    files = manifests(planned, form, require_digest=require_digest)
    if output == "-":
        click.echo("---\n".join(files.values()), nl=False)
        return
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
        click.echo(folder / name)
