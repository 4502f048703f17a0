"""Text to values, and every way in which text can be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from lighterage.diagnostics import Mistakes
from lighterage.reading import read_document
from lighterage.reading.yaml_text import MOST_ALIASED

from .mistakes import mistakes_in

pytestmark = pytest.mark.usefixtures("parser")

CORE = {
    "~": None, "null": None, "''": "", "true": True, "False": False, "yes": "yes", "no": "no", "on": "on", "y": "y",
    "7": 7, "-7": -7, "+7": 7, "010": 10, "0o17": 15, "0xfF": 255, "1_000": "1_000", "0b1": "0b1", "08": 8,
    "1.5": 1.5, ".5": 0.5, "5.": 5.0, "1e3": 1000.0, "1.e+3": 1000.0, "-.5e-1": -0.05, ".": ".", "e3": "e3",
    "12:30:45": "12:30:45", "2024-01-01": "2024-01-01", "1.2.3": "1.2.3", "=": "=", "<<": "<<", "'7'": "7", '"true"': "true",
    "!!str 7": "7", "!!int '7'": 7, "!!float 7": 7.0, "! 7": "7", "18446744073709551615": 2**64 - 1, "tRue": "tRue",
}  # fmt: skip


@pytest.mark.parametrize("written", CORE)
def test_scalars_follow_the_core_schema(written: str) -> None:
    value = read_document(f"a: {written}\n", "x").value["a"]

    assert (value, type(value)) == (CORE[written], type(CORE[written]))


def test_values_lists_and_mappings() -> None:
    text = "a: {b: [1, two, {c: }]}\nd: |\n  one\n  two\ne: >-\n  one\n  two\n"

    assert read_document(text, "x").value == {"a": {"b": [1, "two", {"c": None}]}, "d": "one\ntwo\n", "e": "one two"}


def test_aliases_stand_for_what_was_anchored() -> None:
    document = read_document("a: &a {b: 1}\nc: *a\n&k d: 2\n", "x")

    assert document.value == {"a": {"b": 1}, "c": {"b": 1}, "d": 2}
    assert document.position(("c",)) == (2, 4)
    assert document.position(("c", "b")) == (1, 11)


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert read_document("a: &a {b: 1}\nc: {<<: *a}\n", "x").value["c"] == {"<<": {"b": 1}}


def test_a_byte_order_mark_does_no_harm() -> None:
    document = read_document("\ufeffa: 1\n", "x")

    assert document.value == {"a": 1}
    assert document.position(("a",)) == (1, 4)


WRONG: list[tuple[str, list[tuple[str, int, int]]]] = [
    ("", [("L005", 1, 1)]),
    ("# nothing yet\n", [("L005", 1, 1)]),
    ("---\n...\n", [("L005", 1, 1)]),
    ("null", [("L005", 1, 1)]),
    ("a: 'x\n", [("L010", 2, 1)]),
    ("a: [1", [("L010", 1, 6)]),
    ("a: b: c\n", [("L010", 1, 5)]),
    ("a:\n\tb: 1\n", [("L010", 2, 1)]),
    ("a: @x\n", [("L010", 1, 4)]),
    ("%YAML 3.0\n---\na: 1\n", [("L010", 1, 1)]),
    ("a: 1\nb: 2\na: 3\n", [("L011", 3, 1)]),
    ("a: {b: 1, b: 2}\nc: {d: 1, d: 2, d: 3}\n", [("L011", 1, 11), ("L011", 2, 11), ("L011", 2, 17)]),
    ("a: !!python/name:os.system x\n", [("L012", 1, 4)]),
    ("a: !!binary aGk=\nb: !mine [1]\n!key c: 1\n", [("L012", 1, 4), ("L012", 2, 4), ("L012", 3, 1)]),
    ("a: !!int seven\nb: !!bool 1\nc: !!map x\nd: !!seq {}\n", [("L012", line, 4) for line in (1, 2, 3, 4)]),
    ("a: *a\n", [("L013", 1, 4)]),
    ("a: &a [1, *a]\n", [("L013", 1, 11)]),
    ("a: &a {b: *a}\nb: *b\n", [("L013", 1, 11), ("L013", 2, 4)]),
    ("a: x\u0000y\n", [("L015", 1, 5)]),
    ("a: 1\nb: \u001b[2J\n", [("L015", 2, 4)]),
    ("a\u202eb: 1\n", [("L015", 1, 1)]),
    ("a: 1\n\ufeffb: 2\n", [("L015", 2, 1)]),
    ("x: {\"a\\u200bb\": 1}\n", [("L015", 1, 5)]),
    ("a: \"\\0\"\n", [("L015", 1, 4)]),
    ("a: 1\n---\nb: 2\n", [("L016", 2, 1)]),
    ("3: x\ntrue: x\n? [a]\n: x\n~: x\n", [("L017", line, 1 if line != 3 else 3) for line in (1, 2, 3, 5)]),
    ("a: .inf\nb: -.INF\nc: .nan\nd: 1e999\n", [("L018", line, 4) for line in (1, 2, 3, 4)]),
    (f"a: {'1' * 5000}\nb: 0x{'f' * 5000}\nc: 18446744073709551616\n", [("L018", line, 4) for line in (1, 2, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[repr(text)[:30] for text, _ in WRONG])
def test_mistakes_and_their_places(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert mistakes_in(text) == expected


def test_what_can_be_found_is_found_in_one_go() -> None:
    text = "a: 1\na: 2\nb: !mine 3\n4: 5\nc: .inf\nd: [1\n"

    assert [code for code, _, _ in mistakes_in(text)] == ["L011", "L012", "L017", "L018", "L010"]


def test_a_duplicate_tells_where_the_first_one_stands() -> None:
    with pytest.raises(Mistakes) as raised:
        read_document("name: x\ntasks: {}\nname: y\n", "x")

    found = raised.value.diagnostics[0]
    assert found.message == "the key 'name' stands here twice; first on line 1, column 1"
    assert found.source == "name: y"


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r"])
def test_lines_count_alike_whatever_ends_them(breaks: str) -> None:
    with pytest.raises(Mistakes) as raised:
        read_document(breaks.join(["a: 1", "b: 2", "a: 3", ""]), "x")

    found = raised.value.diagnostics[0]
    assert (found.line, found.column, found.source) == (3, 1, "a: 3")


@pytest.mark.parametrize(
    ("text", "column"),
    [("[" * 65, 65), ("{a: " * 65, 257), ("- " * 65, 129), ("? " * 65, 129), ("- ? " * 33, 129)],
    ids=["lists", "mappings", "dashes", "keys", "mixed"],
)
def test_depth_is_bounded(text: str, column: int) -> None:
    assert mistakes_in(text) == [("L014", 1, column)]


def test_the_deepest_value_allowed() -> None:
    assert mistakes_in("[" * 64 + "]" * 64) == []


def test_aliases_cannot_go_deeper_than_the_text_may() -> None:
    text = f"a: &a {'[' * 40}{']' * 40}\nb: &b {'[' * 23}*a{']' * 23}\nc: {'[' * 24}*a{']' * 24}\n"

    assert mistakes_in(text) == [("L014", 3, 28)]


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]

    found = mistakes_in("\n".join(lines))

    assert [code for code, _, _ in found] == ["L013"]
    assert found[0][1] <= len(str(MOST_ALIASED))


def test_as_many_aliases_as_people_write() -> None:
    values: Any = read_document("a: &a 1\nb: [" + ", ".join(["*a"] * MOST_ALIASED) + "]\n", "x").value["b"]

    assert sum(values) == MOST_ALIASED
