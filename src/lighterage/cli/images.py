"""`lighterage images build [NAME…] -e ENV | --registry PREFIX`"""

from __future__ import annotations

import platform
from pathlib import Path

import click

from .. import __version__
from ..imaging.build import Recipe, build
from ..imaging.context import PLATFORMS
from ..imaging.runtimes import BASE, ENGINE, RUNTIMES
from ..imaging.tools import TOOLS, Builder, BuildFailed
from ..schemas import BadInput
from ..schemas.image import ImageReference, parse_image
from ..schemas.plan import PlannedStep
from ..targets.argo.containers import is_foreign
from .loading import environment_in, json_option, plan, read_environment
from .talk import print_json, table

_HERE = "linux/arm64" if platform.machine() in ("arm64", "aarch64") else "linux/amd64"


@click.group()
def command() -> None:
    """Build the images that steps run in."""


@command.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]…", type=click.Choice(RUNTIMES))
@click.option("-e", "--environment", metavar="ENV", help="Call the images what this environment calls them.")
@click.option("--registry", metavar="PREFIX", help="Call them PREFIX/NAME:VERSION.")
@click.option("--workflow", metavar="FILE", help="Add the code of this workflow's own steps to the runtimes they use.")
@click.option("--push", is_flag=True, help="Push them when all are built, and print their digests.")
@click.option("--base", default=BASE, metavar="IMAGE", help=f"What the engine is made from. Default: {BASE}.")
@click.option("--python", default="3.11", metavar="VERSION", help="The base's Python. Default: 3.11.")
@click.option("--platform", "machine", type=click.Choice(list(PLATFORMS)), default=_HERE, help=f"Default: {_HERE}.")
@click.option("--tool", type=click.Choice(TOOLS), help="What builds. Default: the first that is on the PATH.")
@click.option("--tool-option", "options", multiple=True, metavar="OPTION", help="Hand an option to the tool's build.")
@json_option
def build_images(
    names: tuple[str, ...],
    environment: str | None,
    registry: str | None,
    workflow: str | None,
    push: bool,
    base: str,
    python: str,
    machine: str,
    tool: str | None,
    options: tuple[str, ...],
    form: str,
) -> None:
    """Build images of the runtimes: engine, tensorflow, litert; all that the environment names unless you say which.

    uv gets the libraries, with the index that it is configured for, and podman, buildah or docker build. What is
    built holds the very lighterage that you call.
    """
    if (environment is None) == (registry is None):
        raise click.UsageError("say what to call the images: -e ENV or --registry PREFIX")
    if workflow and not environment:
        raise click.UsageError("--workflow goes with -e ENV, whose images the workflow's tasks run in")
    code = _code(workflow, environment) if workflow and environment else {}
    wanted = names or (tuple(code) if workflow else RUNTIMES)
    called = _named_by(environment, wanted, bool(names)) if environment else {}
    called = called or {name: _parsed(f"{registry}/{name}:{__version__}").tagged for name in wanted}
    builder = Builder(tool, options)
    if _parsed(base).digest is None:
        click.echo(f"lighterage: {base} is named by a tag; --base IMAGE@sha256:… builds the same tomorrow", err=True)
    try:
        built = list(build(called, code, Recipe(base, machine, python), builder))
        if push:
            built = [builder.push(one) for one in built]
    except (BuildFailed, BadInput) as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        print_json([one._asdict() for one in built])
    else:
        click.echo(table([(one.name, one.digest or "not pushed", one.id) for one in built], ("image", "digest", "id")))


def _named_by(environment: str, wanted: tuple[str, ...], asked: bool) -> dict[str, str]:
    """Runtime -> what the environment calls it, without its digest. Raises UsageError for one that it does not name."""
    read = environment_in(read_environment(environment, Path.cwd()))
    unnamed = [name for name in wanted if name not in read.images]
    if unnamed and (asked or len(unnamed) == len(wanted)):
        raise click.UsageError(f"environment {read.name!r} names no image for {', '.join(unnamed)}")
    references = {name: parse_image(read.images[name]) for name in wanted if name in read.images}
    return {name: one.tagged if one.tag else f"{one.name}:{__version__}" for name, one in references.items()}


def _parsed(image: str) -> ImageReference:
    try:
        return parse_image(image)
    except ValueError as error:
        raise click.UsageError(f"{image}: {error}") from None


def _code(workflow: str, environment: str) -> dict[str, list[PlannedStep]]:
    """The runtimes that a workflow uses, each with those of the workflow's own steps that it runs, or stages for."""
    planned = plan(workflow, environment)
    assert planned.plan is not None and planned.environment is not None
    code: dict[str, list[PlannedStep]] = {}
    for step in planned.plan.steps.values():
        runtime = ENGINE if is_foreign(step, planned.environment) else step.image
        if runtime in RUNTIMES:
            code.setdefault(runtime, []).extend([step] if step.own else [])
        elif step.own:
            hint = "make that image from one of these, and add the code as docs/images.md says"
            raise click.UsageError(f"step {step.uses} runs in {step.image}, not in {', '.join(RUNTIMES)}; {hint}")
    return {name: code[name] for name in RUNTIMES if name in code}
