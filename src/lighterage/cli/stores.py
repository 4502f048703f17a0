"""How commands that look at runs find the store, the run in it, and a task of that."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..recording.runs import NoSuchRun, find_run
from ..schemas.environment import Environment
from ..schemas.record import RunRecord, TaskRecord
from ..storing import Store, open_store
from .loading import environment_in, read_environment

_INSTANCE = re.compile(r"(.+)\[(\d+)\]")


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--store", metavar="URL", help="A store in place of the environment's.")(function)
    return click.option(
        "-e",
        "--environment",
        metavar="NAME",
        help="The environment whose store to look at, and whose cluster to ask. Default: laptop.",
    )(function)


def the_store(environment: str | None, store: str | None) -> Store:
    """The store that a command looks at; it must be there already."""
    return open_store(store or environment_of(environment).store.url, create=False)


def environment_of(name: str | None) -> Environment:
    """The environment that a command names; the laptop where it names none. Raises UsageError and Mistakes."""
    return environment_in(read_environment(name or "laptop", Path()))


def shared(store: Store) -> Store:
    """The store, to write in beside pods, which are another user: what this process makes from now on is as open as the
    store's folder is."""
    if store.root:
        os.umask(0o777 & ~store.root.stat().st_mode)
    return store


def the_run(store: Store, name: str) -> RunRecord:
    try:
        return find_run(store, name)
    except NoSuchRun as error:
        raise click.UsageError(str(error)) from None


def instance_of(task: str, index: int = 0) -> tuple[str, int]:
    """``train[2]`` -> train, 2; without brackets the ``index`` given otherwise."""
    match = _INSTANCE.fullmatch(task)
    return (match[1], int(match[2])) if match else (task, index)


def the_record(store: Store, run: RunRecord, task: str, index: int) -> TaskRecord:
    """What is recorded of one instance. Raises UsageError."""
    record = store.read_record(run.run, task, index)
    if record is None:
        plan = store.read_plan(run.run)
        known = plan is not None and any(one.name == task for one in (*plan.tasks, *plan.on_exit))
        yet = f"; {task} has not ended" if known and run.status == "running" else ""
        raise click.UsageError(f"{run.run} has no task {task!r} with index {index}{yet}")
    return record


def again(run: RunRecord, environment: str | None, store: str | None) -> str:
    """The options by which the same run is found again."""
    chosen = [*(["-e", environment] if environment else []), *(["--store", store] if store else [])]
    return " ".join([run.run, *chosen])
