"""`lighterage doctor`"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import click

from ..catalog import find_step, shipped_steps
from ..diagnostics import Mistakes
from ..launching.ingredients import version_of
from ..reading import check
from ..schemas.environment import Capacity, Environment
from ..targets.local.capacity import machine
from .cluster import cluster
from .loading import read_environment
from .readiness import Finding, images, local, store
from .talk import table

TOOLS = {
    "argo": "lint and submit manifests",
    "kubectl": "look at a cluster",
    "podman": "build images, run tasks in containers",
    "docker": "do the same",
    "git": "keep specs",
}


@click.command()
@click.option("-e", "--environment", metavar="NAME", help="An environment's name or file: is all there that it needs?")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0.1),
    default=5.0,
    metavar="SECONDS",
    help="Longest wait for each answer of a cluster. Default: 5.",
)
def command(environment: str | None, seconds: float) -> int:
    """Tell what this machine has and lacks: Python, libraries that steps require, tools on the PATH.

    With -e, what an environment needs: its store's library, its images, and for a cluster the tools, the context, the
    namespace and what must be in it. Nothing is changed. Exit code 3 when something is missing.
    """
    here = machine(Capacity())
    click.echo(
        f"Python {platform.python_version()} on {platform.platform()}, {here.cpu:g} CPUs, {here.memory / 2**30:.1f} GiB of memory\n"
    )
    missing = _environment(environment, seconds) if environment else _machine()
    return 3 if missing or sys.version_info < (3, 11) else 0


def _environment(name: str, seconds: float) -> int:
    """Prints what an environment needs; returns how many things are missing. Raises Mistakes for an invalid file."""
    document = read_environment(name, Path.cwd())
    environment, mistakes = check(document, Environment)
    if environment is None:
        raise Mistakes(mistakes)
    site = next(iter(environment.sites.values()))
    found = [Finding("ok", "environment", str(document.file)), store(environment.store.url)]
    if site.target == "local":
        found += local(site)
    else:
        found += [*images(environment), *cluster(site, seconds)]
    click.echo(table(found, ("state", "what", "")))
    missing = sum(one.state == "missing" for one in found)
    if missing:
        click.echo(f"\nlighterage: {missing} missing", err=True)
    return missing


def _machine() -> int:
    """Prints which steps can run here and which tools there are; returns how many steps cannot."""
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
    return missing
