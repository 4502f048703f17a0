"""`lighterage cache verify`, `cache gc`, `cache copy`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..schemas.record import RunRecord
from ..schemas.shape import seconds_of
from ..storing import open_store
from .clusters import all_up_to_date
from .loading import json_option
from .stores import environment_of, shared, store_options, the_run, the_store
from .talk import print_json, size, table

if TYPE_CHECKING:
    from ..storing.collecting import Freed, Rules
    from ..storing.verifying import Fault, Verdict


@click.group()
def command() -> None:
    """Check a store, clean it up, copy runs to another."""


class Age(click.ParamType):
    """`12h`, `30d` as seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else seconds_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


# --- verify ---


@command.command("verify")
@store_options
@json_option
def verify_command(environment: str | None, store: str | None, form: str) -> int:
    """Read every object and every record once, and hold them against their digests.

    Damaged objects are put aside: what needs them is made anew by the next run. Exit code 0 when all is sound, else 1.
    """
    from ..storing.verifying import verify

    verdict = verify(shared(the_store(environment, store)))
    if form == "json":
        print_json(verdict.as_json())
    else:
        _tell(verdict)
    return 0 if verdict.sound else 1


def _tell(verdict: Verdict) -> None:
    faults = {"damaged": verdict.damaged, "missing": verdict.missing, "unreadable": verdict.unreadable}
    rows = [(what, fault.what, _needs(fault)) for what, found in faults.items() for fault in found]
    if rows:
        click.echo(table(rows, ("", "what", "needed by")))
    looked = f"{verdict.objects} objects ({size(verdict.bytes)}) and {verdict.documents} records and results"
    if verdict.sound:
        click.echo(f"{looked}: all sound", err=True)
        return
    click.echo(f"{looked}: {', '.join(f'{len(found)} {what}' for what, found in faults.items() if found)}", err=True)
    if verdict.damaged or verdict.missing:
        click.echo(
            "healing: run the workflows of these tasks again; what is gone counts as never done, so it is made anew, and "
            "the rest comes from the cache. Damaged objects lie in damaged/ for who wants to know why",
            err=True,
        )
    if any(fault.what.startswith("runs/") for fault in verdict.unreadable):
        click.echo("a run whose records cannot be read is lost to `show`: remove its folder below runs/", err=True)


def _needs(fault: Fault) -> str:
    if fault.why:
        return fault.why
    more = f" and {len(fault.needed_by) - 3} more" if len(fault.needed_by) > 3 else ""
    return ", ".join(fault.needed_by[:3]) + more or "no result"


# --- gc ---


@command.command("gc")
@click.option("--keep-runs", type=click.IntRange(0), metavar="N", help="Keep the newest N runs of each workflow.")
@click.option("--older-than", type=Age(), metavar="AGE", help="Keep runs that ended less long ago, such as 30d.")
@click.option(
    "--grace",
    type=Age(),
    default="1d",
    metavar="AGE",
    help="Remove nothing that was written less long ago, however useless it looks. At least 1d, which is the default.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; say what would be.")
@store_options
@json_option
def gc_command(
    keep_runs: int | None,
    older_than: float | None,
    grace: float,
    dry_run: bool,
    environment: str | None,
    store: str | None,
    form: str,
) -> None:
    """Remove old runs, and then the results and objects that nothing refers to any more.

    A run goes when neither --keep-runs nor --older-than keeps it; without either, as the environment's `store.keep`
    says, or none. Running ones stay, and those whose work a run that stays shows as its own. Safe beside runs that
    work, on this machine and on others.
    """
    from ..storing.collecting import collect
    from ..storing.pins import GRACE

    if grace < GRACE:
        raise click.UsageError("--grace is at least 1d: whoever publishes counts on that")
    rules = _rules(keep_runs, older_than, environment, store)
    opened = shared(the_store(environment, store))
    all_up_to_date(opened, opened.runs(), environment)  # a run on a cluster may have ended, and nobody looked
    freed = collect(opened, rules, grace=grace, dry_run=dry_run)
    if form == "json":
        print_json({**freed.as_json(), "dry_run": dry_run})
    else:
        _tell_freed(freed, dry_run)


def _rules(runs: int | None, age: float | None, environment: str | None, store: str | None) -> Rules:
    from ..storing.collecting import Rules

    if runs is not None or age is not None:
        return Rules(runs, age)
    keep = environment_of(environment).store.keep if environment or not store else None
    return Rules(keep.runs, seconds_of(keep.age) if keep.age else None) if keep else Rules()


def _tell_freed(freed: Freed, dry_run: bool) -> None:
    for run in sorted(freed.runs):
        click.echo(run)
    counts = {
        "runs": len(freed.runs),
        "results": freed.results,
        "objects": freed.objects,
        "damaged objects": freed.damaged,
        "logs": freed.logs,
    }
    what = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    click.echo(f"{'would free' if dry_run else 'freed'} {size(freed.bytes)}: {what}", err=True)


# --- copy ---


@command.command("copy")
@click.argument("origin", metavar="FROM")
@click.argument("destination", metavar="TO")
@click.option("--runs", "names", multiple=True, metavar="RUN", help="A run to copy; may be repeated. Default: all.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@json_option
def copy_command(origin: str, destination: str, names: tuple[str, ...], workflow: str | None, form: str) -> int:
    """Copy runs with their records, results and objects from one store to another: folders and buckets.

    What is there already is not copied again, so after a cut the same command goes on. Every object is held against its
    digest on the way. Exit code 1 when the source lacked some.
    """
    from ..storing.copying import copy

    source = open_store(origin, create=False)
    runs = [the_run(source, name) for name in names] or source.runs()[::-1]
    wanted = [run for run in runs if workflow in (None, run.workflow)]
    _say_left_out(wanted)
    copied = copy(source, open_store(destination), [run.run for run in wanted if run.status != "running"])
    if form == "json":
        print_json(copied.as_json())
    else:
        click.echo(
            f"{copied.runs} runs: {copied.objects} objects ({size(copied.bytes)}) and {copied.results} results copied, "
            f"{copied.there} objects were there",
            err=True,
        )
    if copied.missing:
        click.echo(
            f"{copied.missing} objects are missing or damaged in {origin}; see lighterage cache verify", err=True
        )
    return 1 if copied.missing else 0


def _say_left_out(runs: list[RunRecord]) -> None:
    for run in runs:
        if run.status == "running":
            click.echo(f"{run.run} is running and is left out", err=True)
