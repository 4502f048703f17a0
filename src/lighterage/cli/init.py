"""`lighterage init [DIR]`"""

from __future__ import annotations

from pathlib import Path

import click

FILES = {
    "workflows/hello.yaml": """\
apiVersion: lighterage/v1
kind: Workflow
name: hello
description: Greets, twice
parameters:
  name: world
tasks:
  greet:
    uses: ../steps/greet
    with: {name: "${parameters.name}", greeting: "${matrix.greeting}"}
    matrix: {greeting: [Hello, Ahoy]}
outputs:
  texts: "${greet.text}"
""",
    "steps/greet/step.yaml": """\
apiVersion: lighterage/v1
kind: Step
name: greet
version: 1.0.0
description: Greets somebody
inputs:
  name: {type: string, description: who}
  greeting: {type: string, default: Hello}
outputs:
  text: {type: string}
  letter: {type: file, description: the same on paper}
python: greet:greet
""",
    "steps/greet/greet.py": '''\
"""Greets somebody. Inputs and artifact outputs come as arguments; values are returned."""


def greet(name, greeting, letter):
    text = f"{greeting}, {name}!"
    letter.path.write_text(text + "\\n")
    return {"text": text}
''',
    "environments/laptop.yaml": """\
apiVersion: lighterage/v1
kind: Environment
name: laptop
store: {url: .lighterage}
sites:
  here: {target: local}
""",
    ".gitignore": ".lighterage/\n",
}
"""What a new project holds."""


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False))
def command(folder: str) -> None:
    """Make a small project that runs at once: a workflow, a step and an environment."""
    root = Path(folder)
    there = [name for name in FILES if (root / name).exists()]
    if there:
        raise click.UsageError(f"{root / there[0]} exists already; nothing was written")
    for name, text in FILES.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        click.echo(place)
    go = "" if root == Path() else f"cd {folder} && "
    click.echo(f"try: {go}lighterage run workflows/hello.yaml", err=True)
