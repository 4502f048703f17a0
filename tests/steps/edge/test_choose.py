from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import blobs
from running import contract, run_step
from surgery import nan_weights, operate

from lighterage.launching.artifacts import Metrics, Model
from lighterage.schemas import BadInput
from lighterage.schemas.contract import problems

pytestmark = pytest.mark.tensorflow

MADE = ("float32", "dynamic_int8", "int8")


@pytest.fixture(scope="module")
def proven(
    tmp_path_factory: pytest.TempPathFactory, converted: Model, variants: dict[str, Model]
) -> tuple[list[Model], Metrics, Metrics]:
    """Three variants, with what edge/verify says of them and of their times."""
    folder = tmp_path_factory.mktemp("proven")
    models = [variants[name] for name in MADE]
    rows = blobs(folder / "rows", 120, 2, shape=(16, 3))
    done = run_step("edge/verify", folder, models=models, reference=converted, data=rows)
    return models, done.report, done.timing


Proven = tuple[list[Model], Metrics, Metrics]


def choose(tmp_path: Path, proven: Proven, **inputs: Any) -> SimpleNamespace:
    models, report, _ = proven
    return run_step("edge/choose", tmp_path, **({"models": models, "verified": report} | inputs))


def edited(tmp_path: Path, metrics: Metrics, **changes: dict[str, Any]) -> Metrics:
    """The same metrics with other figures of some variants."""
    told = metrics.read()
    for name, figures in changes.items():
        told["variants"][name] |= figures
    file = Metrics(tmp_path / f"edited-{len(list(tmp_path.iterdir()))}.json")
    file.write(told)
    return file


def test_the_first_of_the_order_inside_the_budget(tmp_path: Path, proven: Proven) -> None:
    done = choose(tmp_path, proven)
    report = done.report.read()
    assert done.variant == report["chosen"] == done.tflite.about()["variant"] == "int8"
    assert report["order"] == ["int8", "dynamic_int8", "float32"]
    assert report["budget"] == {"accuracy_drop": 0.01, "agreement": 0.95}
    assert done.size == report["variants"]["int8"]["size"] == (done.tflite.path / "model.tflite").stat().st_size
    assert done.accuracy == report["variants"]["int8"]["accuracy"]
    assert {one["status"] for one in report["variants"].values()} == {"fit"}

    assert choose(tmp_path, proven, order=["float32", "int8"]).variant == "float32"
    smaller = choose(tmp_path, proven, order=["float32", "dynamic_int8"], budget={"size_ratio": 0.6})
    assert smaller.variant == "dynamic_int8"
    float32 = smaller.report.read()["variants"]["float32"]
    assert float32["status"] == "over_budget" and float32["reasons"] == ["size_ratio 1 is over 0.6 by 0.4"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path, proven: Proven) -> None:
    one, two = (choose(tmp_path, proven) for _ in range(2))
    assert one.report.path.read_bytes() == two.report.path.read_bytes()
    assert (one.tflite.path / "model.tflite").read_bytes() == (two.tflite.path / "model.tflite").read_bytes()


def test_no_variant_inside_the_budget_says_which_limit_broke_by_how_much(tmp_path: Path, proven: Proven) -> None:
    with pytest.raises(BadInput) as failure:
        choose(tmp_path, proven, budget={"size_kb": 1, "agreement": 1.5, "rows": 400})
    lines = str(failure.value).splitlines()
    assert lines[0] == "no variant is inside the budget:"
    assert [line.split()[:2] for line in lines[1:]] == [
        [name, "over_budget"] for name in ("int8", "dynamic_int8", "float32")
    ]
    for line in lines[1:]:
        assert "size_kb" in line and "is over 1 by" in line
        assert "is under 1.5 by 0.5" in line and "rows 120 is under 400 by 280" in line


def test_a_limit_may_differ_by_variant(tmp_path: Path, proven: Proven) -> None:
    budget = {"agreement": {"int8": 1.5, "float32": 1.0}}  # dynamic_int8 has no such limit
    done = choose(tmp_path, proven, budget=budget)
    assert done.variant == "dynamic_int8"
    assert {name: one["status"] for name, one in done.report.read()["variants"].items()} == {
        "int8": "over_budget",
        "dynamic_int8": "fit",
        "float32": "fit",
    }


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"accuracy_dropp": 0.1}, "there is no budget 'accuracy_dropp'; did you mean 'accuracy_drop'"),
        ({"zzz": 3}, "there is no budget 'zzz'; there are: size, size_kb"),
        ({"size_kb": "small"}, "the budget size_kb of int8 must be a number, not 'small'"),
        ({"size_kb": True}, "must be a number, not True"),
        ({"agreement": {"int4": 0.9}}, "has a limit for 'int4', which is not in `order`"),
        ({"worst_slice_drop": 0.1}, "cannot be judged: edge/verify was not told by which column to `slice`"),
        ({"arena_kb": 64}, "cannot be judged: no microcontroller's runtime ran the models"),
        ({"p95_us": 100, "load_ms": 5}, "the budget load_ms, p95_us needs the output `timing` of edge/verify"),
    ],
)
def test_budgets_that_cannot_be_judged(tmp_path: Path, proven: Proven, budget: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        choose(tmp_path, proven, budget=budget)


def test_limits_on_time_and_memory(tmp_path: Path, proven: Proven) -> None:
    slow = {"median_us": 40.0, "p95_us": 60.0, "latency_ratio": 2.0, "noise": False}
    quick = {"median_us": 10.0, "p95_us": 12.0, "latency_ratio": 0.5, "noise": False}
    timing = edited(tmp_path, proven[2], int8=slow, dynamic_int8=quick, float32=quick)
    done = choose(tmp_path, proven, timing=timing, budget={"latency_ratio": 0.8, "load_ms": 10_000, "memory_kb": 1e9})
    assert done.variant == "dynamic_int8"
    assert done.report.read()["variants"]["int8"]["reasons"] == ["latency_ratio 2 is over 0.8 by 1.2"]

    noise = edited(tmp_path, proven[2], int8=slow | {"median_us": 3.0, "noise": True})
    assert choose(tmp_path, proven, timing=noise, budget={"latency_ratio": 0.8}).variant == "int8"

    foreign = edited(tmp_path, proven[2], int8={"digest": "sha256:0"})
    with pytest.raises(BadInput, match="the times are not of these models: they were taken of another int8 file"):
        choose(tmp_path, proven, timing=foreign, budget={"latency_ratio": 0.8})


def test_refused_and_failed_variants_are_not_chosen(
    tmp_path: Path, proven: Proven, converted: Model, variants: dict[str, Model]
) -> None:
    models = [operate(variants["float32"], tmp_path / "nan", nan_weights), variants["int8"]]
    rows = blobs(tmp_path / "rows", 60, 2, shape=(16, 3))
    report = run_step("edge/verify", tmp_path, models=models, reference=converted, data=rows).report
    given: dict[str, Any] = {"models": models, "verified": report, "order": ["float32", "int8"]}
    done = choose(tmp_path, proven, **given)
    assert done.variant == "int8" and done.report.read()["variants"]["float32"]["status"] == "refused"
    with pytest.raises(BadInput, match=r"(?s)on_fail is stop:\nfloat32 +refused +it answers NaN"):
        choose(tmp_path, proven, **given, on_fail="stop")
    with pytest.raises(BadInput, match=r"float32 +refused"):
        choose(tmp_path, proven, **given | {"order": ["float32"]})


def test_what_was_not_made_or_not_asked_for_is_said(
    tmp_path: Path, proven: Proven, capfd: pytest.CaptureFixture[str]
) -> None:
    assert choose(tmp_path, proven, order=["int4", "int8"]).variant == "int8"
    told = capfd.readouterr().out
    assert "int4         not made    there is no such model among `models`" in told
    assert "float32      not asked   it is not in `order`" in told
    assert told.endswith("chosen: int8\n")


def test_a_report_of_other_models(tmp_path: Path, proven: Proven, variants: dict[str, Model]) -> None:
    models = list(proven[0])
    models[2] = operate(variants["int8"], tmp_path / "other")
    file = models[2].path / "model.tflite"
    file.write_bytes(file.read_bytes() + b"more")
    with pytest.raises(BadInput, match="it was made for another int8 file"):
        choose(tmp_path, proven, models=models)
    with pytest.raises(BadInput, match="only one of them knows int8"):
        choose(tmp_path, proven, models=models[:2])


def test_the_contract_knows_the_variants_that_edge_quantize_makes() -> None:
    order = contract("edge/choose").inputs["order"]
    made = contract("edge/quantize").inputs["variant"].enum
    assert made and not list(problems(order, made))
