"""`lighterage lock [WORKFLOW] -e ENV`"""

from __future__ import annotations

from pathlib import Path

import click

from ..catalog.shipped import shipped
from ..diagnostics import Mistakes
from ..imaging.locking import Place, not_locked, places_of, resolved, write
from ..imaging.registry import RESOLVERS, resolver
from .loading import environment_in, environment_option, json_option, plan, read_environment
from .talk import print_json, table


@click.command()
@click.argument("workflow", required=False, type=click.Path())
@environment_option(default=None)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit code 2 when an image has no digest.")
@click.option("--update", is_flag=True, help="Ask again for images that have a digest already.")
@click.option(
    "--tool", type=click.Choice(list(RESOLVERS)), help="What asks registries. Default: the first that is there."
)
@json_option
def command(
    workflow: str | None, environment: str, only_check: bool, update: bool, tool: str | None, form: str
) -> None:
    """Write digests beside the tags of an environment's images, and of images that a workflow's own steps name.

    A tag may stand for another image tomorrow, a digest never. Registries are asked through skopeo, crane, docker,
    podman or buildah, whichever is there. Everything else in the files stays as it is, comments too.
    """
    places = _places(workflow, environment)
    if only_check:
        if mistakes := not_locked(places):
            raise Mistakes(mistakes)
        return
    wanted = [place for place in places if update or place.image.digest is None]
    found = resolved(wanted, resolver(tool)) if wanted else []
    changed = [(old, new) for old, new in zip(wanted, found, strict=True) if old.image != new.image]
    write(new for _, new in changed)
    _show(changed, form)


def _places(workflow: str | None, environment: str) -> list[Place]:
    """Where images are named. Raises UsageError for an environment that is not the user's to change."""
    document = read_environment(environment, Path(workflow).absolute().parent if workflow else Path.cwd())
    if Path(document.file).is_relative_to(shipped("environments")):
        raise click.UsageError(
            f"environment {environment!r} ships with lighterage: copy it to environments/ first, and edit it"
        )
    planned = plan(workflow, environment) if workflow else None
    return places_of(
        document, environment_in(document), planned.plan.steps.values() if planned and planned.plan else ()
    )


def _show(changed: list[tuple[Place, Place]], form: str) -> None:
    if form == "json":
        print_json([_told(*one) for one in changed])
    elif changed:
        rows = [(_where(new), new.image.tagged, new.image.digest or "") for _, new in changed]
        click.echo(table(rows, ("where", "image", "digest")))
    else:
        click.echo("nothing to change: every image has its digest", err=True)


def _told(old: Place, new: Place) -> dict[str, str | None]:
    return {"where": _where(new), "image": new.image.tagged, "before": old.image.digest, "digest": new.image.digest}


def _where(place: Place) -> str:
    line, column = place.document.position(place.path)
    return f"{place.document.file}:{line}:{column}"
