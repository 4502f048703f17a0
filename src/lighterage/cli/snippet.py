"""`lighterage edge snippet`: what a bundle's manifest says, as code for an app."""

from __future__ import annotations

from pathlib import Path

import click

from ..snippets import LANGUAGES, Unsupported, snippet


@click.command("snippet")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(sorted(LANGUAGES)), required=True, help="cpp: a header for C and C++.")
def snippet_command(bundle: Path, language: str) -> None:
    """Print code that gives an app a bundle's labels, preprocessing and tensors, and calls its model.

    Every digest of the bundle is checked first. The model is not in the code, which knows its digest.
    """
    from .edge import Invalid, _load, _mistakes

    with _mistakes():
        from ..edge.single import Single

        loaded = _load(bundle, threads=1)
        if not isinstance(loaded, Single):
            raise Invalid(f"{loaded.name} is a chain of models: make a snippet of each stage's own bundle")
        try:
            code = snippet(loaded.manifest, language)
        except Unsupported as error:
            raise Invalid(str(error)) from None
    click.echo(code, nl=False)
