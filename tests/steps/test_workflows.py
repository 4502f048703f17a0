"""The steps at work: through the command line, as people use them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from running import STEPS

from lighterage.schemas.bundle import Bundle

WORKFLOWS = STEPS.parent / "workflows"


def run(workflow: Path, store: Path, *options: str) -> dict[str, Any]:
    """What `lighterage run -o json` ends with."""
    command = [sys.executable, "-m", "lighterage", "run", str(workflow), "--store", str(store), "-o", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=store.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def of(result: dict[str, Any], task: str) -> dict[str, Any]:
    return next(one for one in result["tasks"] if one["task"] == task)


@pytest.mark.tensorflow
def test_digits_from_data_to_a_bundle(tmp_path: Path) -> None:
    result = run(WORKFLOWS / "digits.yaml", tmp_path / "store", "-p", "epochs=6")

    assert {one["status"] for one in result["tasks"]} == {"succeeded"}
    assert of(result, "evaluate")["outputs"]["accuracy"] > 0.9
    assert of(result, "choose")["outputs"]["variant"] == "int8"
    assert [one["index"] for one in result["tasks"] if one["task"] == "variants"] == [0, 1, 2]
    bundle = next((tmp_path / "store" / "outputs" / "digits").glob("bundle*"))
    manifest = Bundle.model_validate_json(zipfile.ZipFile(bundle).read("manifest.json"))
    assert manifest.classes == [str(digit) for digit in range(10)]
    assert [step["op"] for step in manifest.preprocessing] == ["standardize"]

    again = run(WORKFLOWS / "digits.yaml", tmp_path / "store", "-p", "epochs=6")
    assert all(one["cached"] for one in again["tasks"])


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    data, workflow = tmp_path / "data.csv", tmp_path / "small.yaml"
    data.write_text("x,y\n" + "1,a\n2,b\n" * 10)
    workflow.write_text(
        "apiVersion: lighterage/v1\nkind: Workflow\nname: small\ntasks:\n"
        "  load: {uses: data/load@1, with: {source: data.csv, label: y}}\n"
        '  split: {uses: data/split@1, with: {data: "${load.data}"}}\n'
    )
    first = run(workflow, tmp_path / "store")
    same = run(workflow, tmp_path / "store")
    data.write_text("x,y\n" + "1,a\n3,b\n" * 10)
    changed = run(workflow, tmp_path / "store")

    assert [one["cached"] for result in (first, same, changed) for one in result["tasks"]] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    assert of(first, "split")["outputs"]["rows"] == {"train": 14, "validation": 4, "test": 2}
