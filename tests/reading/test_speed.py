"""Reading keeps nobody waiting, whatever is in the file."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from lighterage.diagnostics import Mistakes
from lighterage.reading import check, read_document
from lighterage.reading.document import MOST_MISTAKES
from lighterage.schemas.workflow import Workflow


@pytest.mark.parametrize(
    "text",
    ["a: 1\n" * 200_000, "- !x a\n" * 100_000, "1: 1\n" * 200_000, "- &a b\n- *a\n" * 80_000],
    ids=["duplicates", "tags", "keys", "aliases"],
)
def test_a_file_full_of_mistakes_is_told_in_seconds(text: str) -> None:
    start = time.perf_counter()

    with pytest.raises(Mistakes):
        read_document(text, "x")

    assert time.perf_counter() - start < 60  # what grows with the square of the lines takes hours


def test_a_file_of_nothing_that_a_schema_knows_is_told_in_seconds() -> None:
    document = read_document("".join(f"unknown-{number}: 1\n" for number in range(40_000)), "x")
    start = time.perf_counter()

    found = check(document, Workflow)[1]

    assert len(found) == MOST_MISTAKES
    assert time.perf_counter() - start < 60


def test_reading_waits_for_no_schema_library() -> None:
    code = "import sys, lighterage.reading; print(*{'pydantic', 'yaml', 'difflib', 'click'} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["yaml"]
