"""Every page's example yields the page's code, through the command that a person would use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import lighterage
from lighterage.cli import cli
from lighterage.diagnostics import Mistakes, codes, page, title
from lighterage.diagnostics.catalogue import examples, write_pages

PACKAGE = Path(lighterage.__file__).parent
DOCUMENTATION = PACKAGE.parent.parent / "docs" / "diagnostics"
WITHOUT_EXAMPLE = {"L001", "L002", "L003", "L004", "L602"}
"""of files that are missing, are folders, are no text or are very large"""
FOUND_BY_COMPILE = {"L503", "L504", "L505", "L601"}
"""limits of the cluster, which `compile` looks at"""


def write_example(code: str, folder: Path) -> dict[str, Path]:
    """Writes a page's files; gives the file of each kind."""
    for name, text in re.findall(r"```python (\S+)\n(.*?)```", page(code), re.DOTALL):
        (folder / name).write_text(text)
    files = {kind: folder / f"{kind}.yaml" for kind, _ in examples(code)}
    for kind, text in examples(code):
        files[kind].write_text(text)
    return files


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(one) for one in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


@pytest.mark.parametrize("code", [code for code in codes() if code not in WITHOUT_EXAMPLE | FOUND_BY_COMPILE])
def test_validate_finds_exactly_this_in_the_example(code: str, tmp_path: Path) -> None:
    files = write_example(code, tmp_path)
    environment: list[str | Path] = ["-e", files["environment"]] if "environment" in files else []

    status, told = run("validate", files.get("workflow") or files["step"], *environment, "--format", "json")

    found = json.loads(told)
    assert [one["code"] for one in found] == [code]
    assert status == (2 if found[0]["severity"] == "error" else 0)


@pytest.mark.parametrize("code", sorted(FOUND_BY_COMPILE))
def test_compile_finds_exactly_this_in_the_example(code: str, tmp_path: Path) -> None:
    files = write_example(code, tmp_path)

    with pytest.raises(Mistakes) as raised:
        run("compile", files["workflow"], "-e", files["environment"])

    assert [one.code for one in raised.value.diagnostics] == [code]


@pytest.mark.parametrize("code", codes())
def test_page_says_what_it_means_and_how_to_mend_it(code: str) -> None:
    paragraphs = re.sub(r"```.*?```\n*", "", page(code), flags=re.DOTALL).strip().split("\n\n")

    assert paragraphs[0] == f"# {code} · {title(code)}"
    assert len(paragraphs) == 3
    assert all(paragraph.endswith(".") for paragraph in paragraphs[1:])


def test_every_code_that_the_engine_uses_has_a_page_and_every_page_a_use() -> None:
    sources = [file.read_text() for file in PACKAGE.rglob("*.py")]

    used = {code for text in sources for code in re.findall(r'"(L\d{3})"', text)}

    assert used == set(codes())


def test_documentation_is_up_to_date(tmp_path: Path) -> None:
    write_pages(tmp_path)

    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_text() for file in DOCUMENTATION.iterdir()}
