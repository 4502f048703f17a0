"""Matrices, expressions and references by themselves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighterage.planning.graph import cycles, order
from lighterage.planning.placement import settle_resources
from lighterage.planning.references import Malformed, parse_expression, parse_value
from lighterage.schemas.shape import Resources
from lighterage.schemas.template import evaluate, resolve
from lighterage.schemas.workflow import Matrix

MATRICES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"a": [1, 2], "b": ["x"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
    ({"a": [1, 2], "exclude": [{"a": 1}]}, [{"a": 2}]),
    ({"a": [1, 2], "include": [{"a": 2, "more": True}]}, [{"a": 1}, {"a": 2, "more": True}]),
    ({"a": [1], "include": [{"a": 3}]}, [{"a": 1}, {"a": 3}]),
    ({"a": [1], "include": [{"more": 0}]}, [{"a": 1, "more": 0}]),
    ({"include": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
]


@pytest.mark.parametrize(("written", "meant"), MATRICES)
def test_a_matrix_is_the_product_of_its_axes_with_exclusions_and_additions(
    written: dict[str, Any], meant: list[dict[str, Any]]
) -> None:
    assert Matrix.model_validate(written).combinations() == meant


VALUES = {"a.x": 3, "a.name": "ship", "parameters.on": True}
EXPRESSIONS = [
    ("${a.x} >= 3", True),
    ("${a.x} > 3 or ${parameters.on}", True),
    ("not ${parameters.on} or ${a.name} == 'ship'", True),
    ("not (${parameters.on} and ${a.x} == 3)", False),
    ('${a.name} != "ship"', False),
    ("${a.x} < 1e1 and ${a.x} > -2.5", True),
    ("true", True),
    ("not not false", False),
    ("false or true and false", False),
]


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_conditions(text: str, value: bool) -> None:
    assert evaluate(parse_expression(text), VALUES.__getitem__) is value


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("${a.x} >", 8),
        ("(true", 5),
        ("true true", 5),
        ("1 < 2 < 3", 6),
        ("${a}", 0),
        ("a.x > 1", 0),
        ("(" * 40, 32),
        ("1 < 1e400", 4),
        ("9223372036854775808 > 1", 0),
    ],
)
def test_what_is_no_condition_says_where(text: str, offset: int) -> None:
    with pytest.raises(Malformed) as error:
        parse_expression(text)
    assert error.value.offset == offset


@given(st.text(max_size=60))
def test_no_text_crashes_the_parsers(text: str) -> None:
    for parse in (parse_expression, parse_value):
        try:
            parse(text)
        except Malformed as error:
            assert 0 <= error.offset <= len(text)


def test_needs_grow_with_each_attempt() -> None:
    needs = settle_resources(Resources.model_validate({"memory": "1Gi", "cpu": 2, "grow": {"memory": 2}}))
    assert [needs.of(attempt).memory for attempt in (1, 2, 3)] == [2**30, 2**31, 2**32]
    assert {needs.of(attempt).cpu for attempt in (1, 2, 3)} == {2.0}


def test_text_around_references_becomes_text() -> None:
    assert resolve(parse_value("${a.name}-${a.x}-${parameters.on}"), VALUES.__getitem__) == "ship-3-true"
    assert resolve(parse_value("${a.x}"), VALUES.__getitem__) == 3


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$${HOME}", "${HOME}"),
        ("a $${x} ${a.x} $${", {"$text": ["a ${x} ", {"$ref": "a.x"}, " ${"]}),
        ("$$$${x}", "$$${x}"),
        ("$", "$"),
    ],
)
def test_two_dollars_stand_for_the_characters_themselves(written: str, meant: Any) -> None:
    assert parse_value(written) == meant


@given(st.text(alphabet="a$ {}.x"))
def test_any_text_can_be_written(text: str) -> None:
    assert parse_value(text.replace("${", "$${")) == text


@given(st.dictionaries(st.integers(0, 12).map(str), st.sets(st.integers(0, 12).map(str), max_size=4), max_size=13))
def test_order_places_every_task_after_its_needs_or_names_a_cycle(needs: dict[str, set[str]]) -> None:
    needs = {name: before & needs.keys() for name, before in needs.items()}
    ordered, stuck = order(needs)
    assert sorted(ordered + stuck) == sorted(needs)
    assert all(ordered.index(one) < ordered.index(name) for name in ordered for one in needs[name])
    assert bool(stuck) == bool(cycles(needs, stuck))
    for cycle in cycles(needs, stuck):
        assert cycle[0] == cycle[-1]
        assert all(after in needs[before] for before, after in pairwise(cycle))
