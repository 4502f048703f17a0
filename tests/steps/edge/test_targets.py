from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import blobs
from running import STEPS, contract, run_step
from surgery import Cut, of_any_length, operate, with_gelu

from lighterage.edge.modelfile import operator_names
from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.steps.edge.verify.profiles import PROFILES

tensorflow = pytest.mark.tensorflow
micro = pytest.mark.skipif(not find_spec("tflite_micro"), reason="tflite-micro is only for Linux on x86-64")

Variants = dict[str, Model]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return blobs(tmp_path_factory.mktemp("rows") / "rows", 90, 2, shape=(16, 3))


def verify(tmp_path: Path, models: list[Model], reference: Model, data: Dataset, target: str) -> SimpleNamespace:
    return run_step("edge/verify", tmp_path, models=models, reference=reference, data=data, target=target)


# --- the profiles themselves ---


def test_the_contract_and_the_page_know_every_profile() -> None:
    assert set(contract("edge/verify").inputs["target"].enum or []) == PROFILES.keys()
    page = (STEPS.parent / "docs" / "targets.md").read_text()
    for name, profile in PROFILES.items():
        assert f"`{name}`" in page and profile.sources
        assert all(source in page for source in profile.sources)


@pytest.mark.parametrize("name", PROFILES)
def test_operators_are_those_of_the_format(name: str) -> None:
    assert (PROFILES[name].operators or set()) <= set(operator_names().values())


@micro
def test_micro_has_the_operators_of_the_installed_runtime() -> None:
    spec = find_spec("tflite_micro")
    assert spec and spec.origin
    library = next(Path(spec.origin).parent.rglob("_runtime*.so")).read_bytes()
    kernels = {name.decode() for name in re.findall(rb"tflite5micro\d+Register_([A-Z0-9_]+?)Ev", library)}
    assert PROFILES["micro"].operators and PROFILES["micro"].operators <= kernels


# --- what they let through ---


@tensorflow
@pytest.mark.parametrize(
    ("target", "proven"),
    [
        ("cpu", {"float32", "float16", "dynamic_int8", "weight_int8", "int8", "int16x8"}),
        ("android", {"float32", "float16", "dynamic_int8", "weight_int8", "int8", "int16x8"}),
        ("gpu-fp16", {"float32", "float16"}),
        ("edgetpu", {"int8"}),
        ("micro", {"float32", "int8", "int16x8"}),
    ],
)
def test_each_target_takes_the_variants_it_can_run(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset, target: str, proven: set[str]
) -> None:
    report = verify(tmp_path, list(variants.values()), converted, rows, target).report.read()
    assert {name for name, one in report["variants"].items() if one["status"] == "proven"} == proven
    for name in variants.keys() - proven:
        assert re.fullmatch(
            rf"not for {target}: it runs .* models, this is {name}", report["variants"][name]["reasons"][0]
        )


@tensorflow
@pytest.mark.parametrize(("target", "checked"), [("cpu", "run"), ("edgetpu", "static"), ("raspberry-pi", "static")])
def test_the_report_says_what_was_run_and_what_was_only_looked_at(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset, target: str, checked: str
) -> None:
    found = verify(tmp_path, [variants["int8"]], converted, rows, target).report.read()["target"]
    assert (found["profile"], found["checked"]) == (target, checked)
    assert found["sources"] and "second_runtime" not in found


@tensorflow
@pytest.mark.parametrize(
    ("target", "variant", "cut", "reason"),
    [
        ("micro", "float32", with_gelu, "not for micro: it does not have the operators GELU"),
        (
            "gpu-fp16",
            "float32",
            of_any_length,
            "not for gpu-fp16: 1 tensors have sizes that are known only at run time",
        ),
    ],
)
def test_files_beyond_a_profile(
    tmp_path: Path,
    converted: Model,
    variants: Variants,
    rows: Dataset,
    target: str,
    variant: str,
    cut: Cut,
    reason: str,
) -> None:
    beyond = operate(variants[variant], tmp_path / "beyond", cut)
    (found,) = verify(tmp_path, [beyond], converted, rows, target).report.read()["variants"].values()
    assert found["status"] == "refused" and reason in found["reasons"]


@tensorflow
def test_loops_are_for_targets_with_subgraphs(tmp_path: Path) -> None:
    data = blobs(tmp_path / "data", 60, shape=(12, 2))
    model = run_step(
        "train/keras", tmp_path, train=data, architecture="gru", units=[12], epochs=4, learning_rate=0.02
    ).model
    converted = run_step("edge/convert", tmp_path, model=model, data=data).tflite
    gpu = verify(tmp_path, [converted], converted, data, "gpu-fp16").report.read()["variants"]["float32"]
    assert any("WHILE" in reason for reason in gpu["reasons"])
    assert "not for gpu-fp16: it takes 1 subgraph, this model has 3" in gpu["reasons"]
    if find_spec("tflite_micro"):
        small = verify(tmp_path, [converted], converted, data, "micro").report.read()["variants"]["float32"]
        assert small["status"] == "proven" and small["second_runtime"]["max_abs_diff"] < 1e-5


# --- the second runtime ---


@tensorflow
@micro
def test_micro_runs_the_same_bit_by_bit(tmp_path: Path, converted: Model, variants: Variants, rows: Dataset) -> None:
    models = [variants[name] for name in ("int8", "int16x8", "float32")]
    verified: Metrics = verify(tmp_path, models, converted, rows, "micro").report
    report = verified.read()
    assert report["target"]["checked"] == "run" and report["target"]["second_runtime"].startswith("tflite-micro ")
    assert report["kernels"] == "BUILTIN_REF"
    int8 = report["variants"]["int8"]["second_runtime"]
    assert (int8["max_steps"], int8["max_abs_diff"], int8["rows"]) == (0, 0.0, 90)
    assert report["variants"]["int16x8"]["second_runtime"]["max_steps"] <= 16
    assert report["variants"]["float32"]["second_runtime"]["max_abs_diff"] < 1e-5
    arena = {name: one["arena_kb"] for name, one in report["variants"].items()}
    assert 1 < arena["int8"] < arena["int16x8"] < 64

    budget = {"arena_kb": (arena["int8"] + arena["int16x8"]) / 2}
    done = run_step(
        "edge/choose",
        tmp_path,
        models=models,
        verified=verified,
        order=["int16x8", "int8"],
        budget=budget,
    )
    assert done.variant == "int8" and "arena_kb" in done.report.read()["variants"]["int16x8"]["reasons"][0]


@tensorflow
def test_without_tflite_micro_the_report_says_so(
    tmp_path: Path, converted: Model, variants: Variants, rows: Dataset
) -> None:
    script = (
        "import sys, json; sys.modules['tflite_micro'] = None\n"
        f"sys.path.insert(0, {str(STEPS.parent / 'tests' / 'steps')!r})\n"
        "from pathlib import Path\n"
        "from running import run_step\n"
        "from lighterage.launching.artifacts import Dataset, Model\n"
        "int8, reference, data, folder = sys.argv[1:]\n"
        "inputs = dict(models=[Model(int8)], reference=Model(reference), data=Dataset(data), target='micro')\n"
        "done = run_step('edge/verify', Path(folder), **inputs)\n"
        "print(json.dumps(done.report.read()))\n"
    )
    paths = [variants["int8"].path, converted.path, rows.path, tmp_path]
    done = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tflite-micro is not installed: micro is checked by its rules alone" in done.stdout
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["target"]["checked"] == "static" and "not installed" in report["target"]["second_runtime"]
    int8 = report["variants"]["int8"]
    assert int8["status"] == "proven" and int8["second_runtime"]["checked"] == "static" and "arena_kb" not in int8
