"""The codes: a page each, in `pages/`. Adding a code is adding a page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PAGES = Path(__file__).parent / "pages"
_MADE_BY = "<!-- made by: python -m lighterage.diagnostics docs/diagnostics -->\n"
_INTRODUCTION = (
    "Everything that can be wrong with a file, by code. `lighterage explain CODE` prints a page.\n\n"
    "L0 is about reading, L1 about a file's shape, L2 about steps, L3 about references, L4 about types,\n"
    "L5 about places to run, L6 about a cluster's limits."
)


@cache
def codes() -> tuple[str, ...]:
    """Every code, sorted."""
    return tuple(sorted(file.stem for file in _PAGES.glob("L*.md")))


def page(code: str) -> str:
    """The page of a code, Markdown. Raises KeyError for an unknown one."""
    if code not in codes():
        raise KeyError(code)
    return (_PAGES / f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """Its title: ``unknown field``."""
    return page(code).splitlines()[0].partition("·")[2].strip()


def examples(code: str) -> list[tuple[str, str]]:
    """The examples of a page: what they are (`workflow`, `environment`, `step` …) and their text."""
    return re.findall(r"```yaml ([\w ]+)\n(.*?)```", page(code), re.DOTALL)


def write_pages(folder: Path) -> None:
    """Writes a page for each code and an index, for readers of the documentation."""
    folder.mkdir(parents=True, exist_ok=True)
    for code in codes():
        (folder / f"{code}.md").write_text(_MADE_BY + page(code), encoding="utf-8")
    index = "".join(f"- [{code}]({code}.md) {title(code)}\n" for code in codes())
    text = f"{_MADE_BY}# Diagnostics\n\n{_INTRODUCTION}\n\n{index}"
    (folder / "README.md").write_text(text, encoding="utf-8")
