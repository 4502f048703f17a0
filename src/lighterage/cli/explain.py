"""`lighterage explain CODE or FIELD`"""

from __future__ import annotations

import click

from ..diagnostics import closest, codes, page


@click.command()
@click.argument("what", metavar="CODE|FIELD")
def command(what: str) -> None:
    """Explain a diagnostic's code (L103) or a field of the language (task.retry, step.requires)."""
    if what.upper() in codes():
        click.echo(page(what.upper()))
        return
    from ..schemas.reference import fields

    known = fields()
    if what in known:
        click.echo(known[what])
        return
    near = closest(what, [*codes(), *known])
    raise click.UsageError(
        f"there is nothing named {what!r}"
        + (f"; did you mean {near!r}?" if near else "; lighterage schema workflow shows all fields")
    )
