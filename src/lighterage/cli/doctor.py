"""`lighterage doctor`"""

from __future__ import annotations

import platform
import shutil
import sys

import click

from ..catalog import find_step, shipped_steps
from ..launching.ingredients import version_of
from ..schemas.environment import Capacity
from ..targets.local.capacity import machine
from .talk import table

TOOLS = {
    "argo": "lint and submit manifests",
    "kubectl": "look at a cluster",
    "podman": "run steps in containers",
    "git": "keep specs",
}


@click.command()
def command() -> int:
    """Tell what this machine has and lacks: Python, libraries that steps require, tools on the PATH."""
    from pathlib import Path

    here = machine(Capacity())
    click.echo(
        f"Python {platform.python_version()} on {platform.platform()}, {here.cpu:g} CPUs, {here.memory / 2**30:.1f} GiB of memory\n"
    )
    rows, missing = [], 0
    for name in shipped_steps():
        found, _ = find_step(name, Path())
        absent = [one for one in found.step.requires if version_of(one) is None] if found else []
        missing += bool(absent)
        rows.append((name, f"lacks {', '.join(absent)}" if absent else "ready"))
    click.echo(table(rows, ("step", "state")))
    click.echo()
    click.echo(
        table(
            [(tool, shutil.which(tool) or "not on the PATH", why) for tool, why in TOOLS.items()],
            ("tool", "where", "to"),
        )
    )
    if missing:
        click.echo(f"\nlighterage: {missing} steps lack a library: pip install 'lighterage[all]'", err=True)
    return 3 if missing or sys.version_info < (3, 11) else 0
