"""Templates: `%%name` is a value, always as a literal of the language; `%%if name` … `%%end` are lines for some bundles."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .facts import Value
    from .languages import Language

SECTION = re.compile(r"^%%if (not )?(\w+)\n(.*?)^%%end\n", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"%%(\w+)")


def fill(template: str, values: dict[str, Value], language: Language) -> str:
    """The template's text with ``values``. What comes out of a value is never looked at again."""
    text = files(__package__).joinpath("templates", f"{template}.tmpl").read_text(encoding="utf-8")
    chosen = SECTION.sub(lambda found: found[3] if bool(values[found[2]]) != bool(found[1]) else "", text)

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("input_type", "output_type"):
            return language.types[str(values[name])]
        line = chosen[: found.start()].rpartition("\n")[2]
        indent = line[: len(line) - len(line.lstrip())]
        return language.literal(values[name]).replace("\n", f"\n{indent}")

    return PLACE.sub(place, chosen)
