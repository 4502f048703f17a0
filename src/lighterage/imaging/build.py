"""Builds runtimes, one upon the other, and the code of a workflow's own steps on top."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..schemas.plan import PlannedStep
from .context import code_context, runtime_context
from .runtimes import BASE, ENGINE
from .tools import Builder, Built


@dataclass(frozen=True)
class Recipe:
    """What runtimes are built from and for."""

    base: str = BASE
    """image with Python that the engine is made from"""
    platform: str = "linux/amd64"
    python: str = "3.11"
    """the base's version of Python, as far as libraries care"""


def build(
    names: Mapping[str, str], code: Mapping[str, Sequence[PlannedStep]], recipe: Recipe, builder: Builder
) -> Iterator[Built]:
    """Builds the image of each runtime in ``names``, which are to be called what they lead to.

    ``code``: the steps to add to a runtime. The engine comes first, as the others are made from it.
    Raises Missing, BuildFailed, and BadInput for code that changes meanwhile.
    """
    engine = _runtime(ENGINE, recipe.base, recipe, builder)
    for runtime, name in names.items():
        made = engine if runtime == ENGINE else _runtime(runtime, builder.base(engine), recipe, builder)
        yield _with_code(code.get(runtime, ()), made, name, recipe, builder)


def _runtime(name: str, base: str, recipe: Recipe, builder: Builder) -> Built:
    arguments = {"BASE": base, "PYTHON": recipe.python, "VERSION": __version__}
    with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
        runtime_context(name, Path(folder), recipe.platform, recipe.python)
        return builder.build(Path(folder), f"localhost/lighterage/{name}:{__version__}", recipe.platform, arguments)


def _with_code(steps: Sequence[PlannedStep], made: Built, name: str, recipe: Recipe, builder: Builder) -> Built:
    """The runtime under the name that it is to have; with code, where there is any."""
    if not steps:
        return builder.tag(made, name)
    with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
        code_context(steps, Path(folder))
        return builder.build(Path(folder), name, recipe.platform, {"BASE": builder.base(made)})
