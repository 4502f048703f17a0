"""`lighterage schema KIND`"""

from __future__ import annotations

import json

import click

from ..schemas.reference import KINDS, json_schema


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
def command(kind: str) -> None:
    """Print the JSON Schema of a kind of file, for an editor or another tool."""
    click.echo(json.dumps(json_schema(kind), indent=2, ensure_ascii=False))
