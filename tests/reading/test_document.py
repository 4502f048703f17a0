"""Where things stand."""

from __future__ import annotations

import pytest

from lighterage.reading import read_document

pytestmark = pytest.mark.usefixtures("parser")

TEXT = """\
tasks:
  train:
    uses: train/keras@1
    with: {train: "${split.train}", units: [16, 32]}
    when: ${split.rows} > 10 and
          ${split.ok}
    description: >-
      ${split.train}
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("tasks",), (2, 3), (1, 1)),
        (("tasks", "train", "uses"), (3, 11), (3, 5)),
        (("tasks", "train", "with", "units"), (4, 44), (4, 37)),
        (("tasks", "train", "with", "units", 1), (4, 49), (4, 49)),
    ],
)
def test_values_and_keys(path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]) -> None:
    document = read_document(TEXT, "x")

    assert document.position(path) == value
    assert document.position(path, key=True) == key


def test_what_does_not_exist_is_where_its_owner_is() -> None:
    document = read_document(TEXT, "x")

    assert document.position(("tasks", "train", "with", "epochs")) == (4, 11)
    assert document.position(("tasks", "trian", "uses"), key=True) == (2, 3)
    assert document.position(("tasks", "train", "with", "units", 7)) == (4, 44)


def test_a_value_left_out_at_the_end_stands_inside_the_text() -> None:
    assert read_document("? name", "x").position(("name",)) == (1, 7)


@pytest.mark.parametrize(
    ("text", "offset", "column"),
    [
        ("a: x ${b.c}", 2, 6),
        ("a: '${b.c} ${d.e}'", 7, 12),
        ('a: "${b.c}"', 0, 4),
        ('a: "x\\t${b.c}"', 2, 4),
        ("a: 'it''s ${b.c}'", 5, 4),
        ("a: |\n  x ${b.c}", 2, 4),
        ("a: &b ${c.d} x", 7, 4),
    ],
    ids=["plain", "quoted", "at the start", "after an escape", "after two quotes", "block", "anchored"],
)
def test_inside_a_text_the_column_moves_where_it_can_be_known(text: str, offset: int, column: int) -> None:
    found = read_document(text, "x").diagnostic("L304", ("a",), "wrong", offset=offset)

    assert (found.line, found.column) == (1, column)


def test_a_diagnostic_brings_its_line_and_what_was_found() -> None:
    found = read_document(TEXT, "demo.yaml").diagnostic(
        "L402", ("tasks", "train", "with", "units", 0), "too few", found=16
    )

    assert (found.file, found.source.strip()) == ("demo.yaml", 'with: {train: "${split.train}", units: [16, 32]}')
    assert (found.found, found.severity) == ("16", "error")


def test_a_warning_at_a_key() -> None:
    found = read_document(TEXT, "x").diagnostic("L308", ("tasks", "train"), "unused", key=True, severity="warning")

    assert (found.line, found.column, found.severity) == (2, 3, "warning")
