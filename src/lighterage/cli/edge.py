"""`lighterage edge verify`, `edge run`: a bundle at work, through the library that devices use, without TensorFlow."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..diagnostics import Missing
from .fleet import channel_command, publish_command
from .loading import json_option
from .snippet import snippet_command
from .talk import print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..edge import Bundle, Verdict
    from ..edge.runtime import Kernels


class Invalid(click.ClickException):
    """A bundle or an input that cannot be used."""

    exit_code = 2


@click.group()
def command() -> None:
    """Verify a bundle, or run it on data. A bundle is a zip or a folder; TensorFlow is not needed."""


command.add_command(publish_command)
command.add_command(channel_command)
command.add_command(snippet_command)

threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="For one call of the model."
)

target_option = click.option(
    "--target", metavar="PROFILE", help="What this machine is: a bundle for another target is refused."
)


@command.command("verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@threads_option
@target_option
@json_option
def verify_command(bundle: Path, threads: int, target: str | None, form: str) -> int:
    """Check every digest, and run the golden inputs on this machine.

    Reference kernels must give integer outputs bit by bit; the kernels that this machine prefers may differ within a
    tolerance. Exit code 1 when they differ by more, 2 when the bundle is damaged or no bundle.
    """
    with _mistakes():
        loaded = _load(bundle, threads, target=target)
        verdict = loaded.verify()
    if form == "json":
        print_json({"bundle": loaded.describe(), **verdict.as_json()})
    else:
        _tell(loaded.name, verdict)
    return 0 if verdict.ok else 1


def _tell(name: str, verdict: Verdict) -> None:
    chain = any(check.stage for check in verdict.checks)
    rows = [
        (
            *([check.stage or ""] if chain else []),
            check.kernels,
            f"{check.exact_rows} of {check.rows}",
            f"{check.same_answer} of {check.rows}",
            f"{check.max_abs_diff:.3g}",
            f"{check.tolerance:.3g}",
            "ok" if check.ok else "FAILED",
        )
        for check in verdict.checks
    ]
    names = ("kernels", "bit by bit", "same answer", "largest difference", "allowed", "")
    click.echo(table(rows, (*(["stage"] if chain else []), *names)))
    made = (
        "" if verdict.runtime == verdict.golden_runtime else f"; the golden outputs come from {verdict.golden_runtime}"
    )
    told = "is sound: every digest, and the golden outputs" if verdict.ok else "does not compute here what was proven"
    click.echo(f"{name} {told}, on {verdict.runtime}{made}", err=True)


@command.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, path_type=Path))
@click.option("--hop", type=click.IntRange(1), help="Samples from one window to the next. Default: the bundle's.")
@click.option("--kernels", type=click.Choice(["default", "reference"]), default="default", help="Which ones compute.")
@threads_option
@target_option
@json_option
def run_command(
    bundle: Path, source: Path, hop: int | None, kernels: Kernels, threads: int, target: str | None, form: str
) -> None:
    """Print an answer for each row, or for each window of a sensor's samples.

    INPUT is .npy (rows, or samples by channels), .npz, .csv, .tsv or .parquet with the bundle's features or channels
    as columns, or a dataset's folder. What the bundle says of preprocessing is done, less what the dataset went through.
    """
    with _mistakes():
        from .edgeinput import predictions, read_input

        loaded = _load(bundle, threads, kernels, target)
        found = predictions(loaded, read_input(source, loaded), hop)
    if form == "json":
        print_json({"bundle": loaded.name, "kernels": loaded.kernels, "predictions": found})
        return
    if found:
        rows = [[_cell(value) for value in one.values()] for one in found]
        click.echo(table(rows, list(found[0])))
    click.echo(f"{loaded.name}: {len(found)} answers, {loaded.kernels} kernels", err=True)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _load(path: Path, threads: int, kernels: Kernels = "default", target: str | None = None) -> Bundle:
    from ..edge import Bundle

    return Bundle.load(path, threads=threads, kernels=kernels, target=target)


@contextmanager
def _mistakes() -> Iterator[None]:
    """The library's errors as those of the command line."""
    try:
        from ..edge import BundleError, InputError
    except ImportError as error:
        raise Missing(f"{error}; pip install 'lighterage[litert]'") from None
    from ..schemas import BadInput

    try:
        yield
    except BundleError as error:
        if error.kind == "no-runtime":
            raise Missing(f"{error.what}; pip install 'lighterage[litert]'") from None
        raise Invalid(f"[{error.kind}] {error}") from None
    except (InputError, BadInput) as error:
        raise Invalid(str(error)) from None
