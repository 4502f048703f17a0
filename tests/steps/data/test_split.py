from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Make
from hypothesis import given, settings
from hypothesis import strategies as st
from running import function, run_step

from lighterage.launching.artifacts import Dataset
from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput

THREE = {"train": 0.6, "validation": 0.2, "test": 0.2}


def table(rows: int, **more: Any) -> dict[str, Any]:
    return {"row": np.arange(rows), **more}


def rows_of(parts: SimpleNamespace) -> dict[str, list[int]]:
    names = [name for name in ("train", "validation", "test") if getattr(parts, name).path.exists()]
    return {name: getattr(parts, name).read().values["row"].tolist() for name in names}


@settings(max_examples=60)
@given(
    labels=st.lists(st.integers(0, 3), min_size=3, max_size=80),
    seed=st.integers(0, 5),
    train=st.floats(0.1, 0.8),
    stratify=st.booleans(),
)
def test_every_row_is_in_exactly_one_part(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int], seed: int, train: float, stratify: bool
) -> None:
    folder = tmp_path_factory.mktemp("split")
    data = Dataset(folder / "data")
    data.write(Columns(table(len(labels), y=np.array(labels)), roles={"y": "label"}, classes=list("abcd")))
    fractions = {"train": train, "validation": (1 - train) / 2, "test": (1 - train) / 2}
    try:
        parts = run_step("data/split", folder, data=data, fractions=fractions, stratify=stratify, seed=seed)
    except BadInput:
        assert stratify and min(labels.count(one) for one in set(labels)) < 3
        return
    found = rows_of(parts)
    assert sorted(row for rows in found.values() for row in rows) == list(range(len(labels)))
    assert all(rows == sorted(rows) and rows for rows in found.values())  # in order, and none is empty
    assert parts.rows == {name: len(rows) for name, rows in found.items()}


def test_the_seed_decides(tmp_path: Path, dataset: Make) -> None:
    data = dataset(table(50))
    one, same, other = (rows_of(run_step("data/split", tmp_path, data=data, seed=seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_classes_keep_their_shares(tmp_path: Path, dataset: Make) -> None:
    data = dataset(table(100, y=np.array([0] * 80 + [1] * 20)), roles={"y": "label"}, classes=["no", "yes"])
    parts = run_step("data/split", tmp_path, data=data, fractions=THREE)
    counts = [np.bincount(getattr(parts, name).read().label()).tolist() for name in THREE]
    assert counts == [[48, 12], [16, 4], [16, 4]]


def test_groups_stay_together_for_every_seed(tmp_path: Path, dataset: Make) -> None:
    subjects = np.repeat(np.arange(10), [5, 9, 30, 7, 12, 4, 8, 20, 6, 11])
    data = dataset(table(len(subjects), subject=subjects), roles={"subject": "group"})
    homes = set()
    for seed in range(20):
        parts = run_step("data/split", tmp_path, data=data, by="subject", fractions=THREE, seed=seed)
        found = [frozenset(getattr(parts, name).read().values["subject"].tolist()) for name in THREE]
        assert frozenset.union(*found) == set(range(10)) and sum(map(len, found)) == 10
        assert len(found[0]) > len(found[2]) >= 1
        homes.add(found[2])
    assert len(homes) > 5  # the seed matters


def test_named_groups_go_where_they_are_named(tmp_path: Path, dataset: Make) -> None:
    data = dataset(table(6, who=np.array(["a", "b", "c", "d", "e", "f"])))
    groups = {"test": ["f"], "validation": ["a", "b"]}
    parts = run_step("data/split", tmp_path, data=data, by="who", groups=groups, fractions=THREE)
    assert rows_of(parts) == {"train": [2, 3, 4], "validation": [0, 1], "test": [5]}


def test_the_past_trains_and_the_future_tests(tmp_path: Path, dataset: Make) -> None:
    data = dataset(table(10, at=np.array([9, 8, 7, 6, 5, 4, 3, 3, 3, 0.0])), roles={"at": "time"})
    parts = run_step("data/split", tmp_path, data=data, order="at", fractions={"train": 0.3, "test": 0.7})
    assert rows_of(parts) == {"train": [9], "test": [0, 1, 2, 3, 4, 5, 6, 7, 8]}  # equal times stay together
    assert not parts.validation.path.exists()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"by": "subjekt"}, "did you mean 'subject'?"),
        ({"by": "pair"}, "3 parts need as many groups of 'pair', but 2 are left"),
        ({"by": "subject", "order": "at"}, "two ways"),
        ({"groups": {"test": [1]}}, "`by` must name"),
        ({"by": "subject", "groups": {"test": [99]}}, "no group 99"),
        ({"by": "subject", "groups": {"test": [1], "train": [1]}}, "named for test and for train"),
        ({"by": "subject", "groups": {"exam": [1]}}, "part 'exam'"),
        ({"by": "subject", "groups": {"train": [1], "validation": [2], "test": [3]}}, "no part takes group"),
        ({"order": "name"}, "cannot order"),
        ({"order": "same"}, "no moment is left"),
        ({"fractions": {"train": 0.5, "test": 0.6}}, "add up to 1.1"),
        ({"fractions": {"train": 1.0}}, "need 'test'"),
        ({"fractions": {"train": 0.9, "test": 0.1, "holdout": 0.1}}, "no part 'holdout'"),
        ({"fractions": {"train": 1.5, "test": -0.5}}, "above 0"),
        ({"fractions": {"train": "most", "test": 0.5}}, "not 'most'"),
    ],
)
def test_splits_that_cannot_be(tmp_path: Path, dataset: Make, inputs: dict[str, Any], said: str) -> None:
    data = dataset(
        table(
            12,
            subject=np.arange(12) // 2,
            pair=np.arange(12) // 6,
            at=np.arange(12.0),
            same=np.zeros(12),
            name=np.array(list("abcdefghijkl")),
        )
    )
    with pytest.raises(BadInput) as refusal:
        run_step("data/split", tmp_path, data=data, **inputs)
    assert said in str(refusal.value)


def test_fewer_rows_than_parts(tmp_path: Path, dataset: Make) -> None:
    with pytest.raises(BadInput, match="2 rows are too few for 3 parts"):
        run_step("data/split", tmp_path, data=dataset(table(2)))


def test_a_rare_class(tmp_path: Path, dataset: Make) -> None:
    data = dataset(table(20, y=np.array([0] * 19 + [1])), roles={"y": "label"}, classes=["no", "yes"])
    with pytest.raises(BadInput, match="class 'yes' has 1 rows"):
        run_step("data/split", tmp_path, data=data)
    assert run_step("data/split", tmp_path, data=data, stratify=False).rows["train"] == 14


def test_it_is_a_plain_function(tmp_path: Path, dataset: Make) -> None:
    parts = {name: Dataset(tmp_path / name) for name in ("train", "validation", "test")}
    split, halves = function("data/split"), {"train": 0.5, "test": 0.5}
    returned = split(data=dataset(table(4)), **parts, fractions=halves, stratify=True, seed=0)
    assert returned == {"rows": {"train": 2, "test": 2}}
