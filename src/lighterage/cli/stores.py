"""How commands that look at runs find the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..diagnostics import Mistakes
from ..reading import check
from ..recording.runs import NoSuchRun, find_run
from ..schemas.environment import Environment
from ..schemas.record import RunRecord
from ..storing import Store, open_store
from .loading import read_environment


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--store", metavar="URL", help="A store in place of the environment's.")(function)
    return click.option(
        "-e",
        "--environment",
        default="laptop",
        metavar="NAME",
        help="The environment whose store to look at. Default: laptop.",
    )(function)


def the_store(environment: str, store: str | None) -> Store:
    """The store that a command looks at; it must be there already."""
    if store:
        return open_store(store, create=False)
    found, mistakes = check(read_environment(environment, Path()), Environment)
    if found is None:
        raise Mistakes(mistakes)
    return open_store(found.store.url, create=False)


def the_run(store: Store, name: str) -> RunRecord:
    try:
        return find_run(store, name)
    except NoSuchRun as error:
        raise click.UsageError(str(error)) from None
