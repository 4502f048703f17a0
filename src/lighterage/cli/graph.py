"""`lighterage graph WORKFLOW`"""

from __future__ import annotations

import click

from ..schemas.plan import Plan, PlannedTask
from .loading import environment_option, parameter_options, plan


@click.command()
@click.argument("workflow", type=click.Path())
@environment_option()
@parameter_options
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "dot"]), default="mermaid", help="Language of the drawing."
)
def command(workflow: str, environment: str, parameters: tuple[str, ...], params: str | None, form: str) -> None:
    """Draw a workflow: tasks as boxes, what they wait for as arrows."""
    settled = plan(workflow, environment, parameters, params).plan
    assert settled is not None
    click.echo(_mermaid(settled) if form == "mermaid" else _dot(settled))


def _mermaid(settled: Plan) -> str:
    lines = ["graph LR"]
    for task in settled.tasks:
        lines.append(f'  {task.name}["{task.name}{_times(task)}<br/><small>{task.step}</small>"]')
        lines += [f"  {need} --> {task.name}" for need in task.needs]
    return "\n".join(lines)


def _dot(settled: Plan) -> str:
    lines = [f'digraph "{settled.workflow}" {{', "  rankdir=LR; node [shape=box];"]
    for task in settled.tasks:
        lines.append(f'  "{task.name}" [label="{task.name}{_times(task)}\\n{task.step}"];')
        lines += [f'  "{need}" -> "{task.name}";' for need in task.needs]
    return "\n".join([*lines, "}"])


def _times(task: PlannedTask) -> str:
    if task.matrix:
        return f" × {len(task.matrix.combinations())}"
    return " × n" if task.for_each is not None else ""
