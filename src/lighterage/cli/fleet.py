"""`lighterage edge publish`, `edge channel …`: which bundle the devices of a fleet should have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..diagnostics import Missing
from ..storing import Store, open_store
from .loading import json_option
from .stores import environment_of, store_options, the_store
from .talk import print_json, size, table

if TYPE_CHECKING:
    from ..edge.release import Release
    from .publishing import Fleet

NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)


class Refused(click.ClickException):
    """What would harm the fleet, or makes no sense."""

    exit_code = 2


def _named(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Checked, since it becomes the name of a file."""
    if value is not None and not NAMED.fullmatch(value):
        raise click.BadParameter("letters, digits, '.', '_' and '-', at most 64", context, parameter)
    return value


def key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--trust",
        type=existing_file,
        multiple=True,
        metavar="FILE",
        help="A public key whose releases may be signed anew, beside --key's own; may be repeated.",
    )(function)
    return click.option(
        "--key", type=existing_file, metavar="FILE", help="The private key (Ed25519, PEM) to sign with."
    )(function)


@click.command("publish")
@click.argument("bundle", type=existing_file)
@click.option("--channel", default="stable", show_default=True, callback=_named, help="Who should have it.")
@click.option("--name", callback=_named, help="Name of the fleet's folder. Default: the bundle's, with '-' for spaces.")
@click.option(
    "--from",
    "older",
    type=existing_file,
    multiple=True,
    metavar="OLD_BUNDLE",
    help="A bundle that devices may have, to make a patch from; may be repeated. The channel's own is always one.",
)
@key_options
@store_options
@json_option
def publish_command(
    bundle: Path,
    channel: str,
    name: str | None,
    older: tuple[Path, ...],
    key: Path | None,
    trust: tuple[Path, ...],
    environment: str | None,
    store: str | None,
    form: str,
) -> None:
    """Put a bundle's zip on a channel of the fleet: the bundle, patches, and the channel's file as the last.

    Its golden inputs are run first, here. Devices read the folder fleet/NAME of the store by an https URL, or as a folder.
    """
    with _mistakes():
        from ..edge import Bundle

        chosen = name or Bundle.load(bundle).name.replace(" ", "-")
        opened = open_store(store or environment_of(environment).store.url)
        release = _fleet(opened, chosen, key, trust).publish(bundle, channel, older)
    _tell(release, key is not None, opened, form)


@click.group("channel")
def channel_command() -> None:
    """Show channels, promote a release from one to another, go back to an earlier one. NAME is the fleet's folder."""


name_argument = click.argument("name", callback=_named)


@channel_command.command("show")
@name_argument
@store_options
@json_option
def show_command(name: str, environment: str | None, store: str | None, form: str) -> None:
    """Print what each channel has."""
    with _mistakes():
        found = _fleet(the_store(environment, store), name).channels()
    if not found:
        raise Refused(f"the store has no fleet {name!r}; `lighterage edge publish` makes one")
    if form == "json":
        print_json({channel: release.as_json() for channel, release in found.items()})
        return
    rows = [(channel, *_row(release)) for channel, release in found.items()]
    click.echo(table(rows, ("channel", "release", "published", "target", "bundle", "size", "patches", "back to")))


def gives_a_release(*options: Callable[..., Any]) -> Callable[[Callable[..., Release]], Callable[..., None]]:
    """A command for what puts a release on a channel: it gets the fleet and its own ``options``, and gives the release."""

    def decorate(function: Callable[..., Release]) -> Callable[..., None]:
        @wraps(function)
        def command(
            name: str,
            key: Path | None,
            trust: tuple[Path, ...],
            environment: str | None,
            store: str | None,
            form: str,
            **given: Any,
        ) -> None:
            with _mistakes():
                opened = the_store(environment, store)
                release = function(_fleet(opened, name, key, trust), **given)
            _tell(release, key is not None, opened, form)

        made: Callable[..., None] = command
        every: tuple[Callable[..., Any], ...] = (name_argument, *options, key_options, store_options, json_option)
        for option in reversed(every):
            made = option(made)
        return made

    return decorate


@channel_command.command("promote")
@gives_a_release(
    click.option(
        "--from", "source", default="beta", show_default=True, callback=_named, help="The channel that has it."
    ),
    click.option(
        "--to", "channel", default="stable", show_default=True, callback=_named, help="The channel to get it."
    ),
)
def promote_command(fleet: Fleet, source: str, channel: str) -> Release:
    """Put what one channel has on another, as a new release."""
    return fleet.promote(source, channel)


@channel_command.command("rollback")
@gives_a_release(
    click.option("--channel", default="stable", show_default=True, callback=_named, help="The channel to go back."),
    click.option("--to", "number", type=click.IntRange(1), help="A release's number. Default: the one before."),
)
def rollback_command(fleet: Fleet, channel: str, number: int | None) -> Release:
    """Put what a channel had before there again, as a new release: devices never take an older number by themselves."""
    return fleet.rollback(channel, number)


def _fleet(store: Store, name: str, key: Path | None = None, trust: tuple[Path, ...] = ()) -> Fleet:
    from ..edge.signing import read_private_key, read_public_key
    from .publishing import Fleet

    return Fleet(store, name, read_private_key(key) if key else None, [read_public_key(one) for one in trust])


def _tell(release: Release, signed: bool, store: Store, form: str) -> None:
    if form == "json":
        print_json({**release.as_json(), "signed": signed})
    else:
        click.echo(table([_row(release)], ("release", "published", "target", "bundle", "size", "patches", "back to")))
        for delta in release.deltas:
            click.echo(
                f"patch from {delta.base[7:19]}: {size(delta.size)}, {delta.size / release.size:.1%} of the bundle"
            )
    if not signed:
        click.echo(
            "not signed: devices that have a key will refuse it, others take it unchecked (--key signs)", err=True
        )
    click.echo(f"{release.channel} of {store.url}/fleet/{release.bundle} has it", err=True)


def _row(release: Release) -> tuple[str, ...]:
    back = "" if release.previous is None else str(release.previous)
    patches, bundle = str(len(release.deltas)), release.digest[7:19]
    return str(release.number), release.published, release.target, bundle, size(release.size), patches, back


@contextmanager
def _mistakes() -> Iterator[None]:
    """The library's errors, and this folder's, as those of the command line."""
    try:
        from ..edge import BundleError
        from ..edge.errors import UpdateError
        from .publishing import Unfit
    except ImportError as error:
        raise Missing(f"{error}; pip install 'lighterage[litert,fleet]'") from None
    try:
        yield
    except BundleError as error:
        if error.kind == "no-runtime":
            raise Missing(f"{error.what}; pip install 'lighterage[litert]'") from None
        raise Refused(f"[{error.kind}] {error}") from None
    except UpdateError as error:
        if error.kind == "no-cryptography":
            raise Missing(f"{error.what}; pip install 'lighterage[fleet]'") from None
        raise Refused(f"[{error.kind}] {error}") from None
    except Unfit as error:
        raise Refused(str(error)) from None
