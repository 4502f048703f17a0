"""The codes: a page each, in `pages/`. Adding a code is adding a page.

`python -m lighterage.diagnostics.catalogue FOLDER` writes them for readers of the documentation.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

_PAGES = Path(__file__).parent / "pages"


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
    """The failing examples of a page: kind of file (`workflow`, `step`, `environment`) and text."""
    return re.findall(r"```yaml (\w+)\n(.*?)```", page(code), re.DOTALL)


def write_pages(folder: Path) -> None:
    """Writes a page for each code and an index."""
    folder.mkdir(parents=True, exist_ok=True)
    index = ["# Diagnostics", "", "<!-- made by: python -m lighterage.diagnostics.catalogue docs/diagnostics -->", ""]
    for code in codes():
        (folder / f"{code}.md").write_text(page(code), encoding="utf-8")
        index.append(f"- [{code}]({code}.md) {title(code)}")
    (folder / "README.md").write_text("\n".join(index) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
