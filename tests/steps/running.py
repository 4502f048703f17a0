"""Calls a step's function as its contract says: defaults filled in, values checked on both sides, no engine."""

from __future__ import annotations

import itertools
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from lighterage.launching.artifacts import Artifact, kind_of
from lighterage.schemas.contract import problems
from lighterage.schemas.step import Step

STEPS = Path(__file__).resolve().parents[2] / "steps"
_numbers = itertools.count()


def contract(name: str) -> Step:
    return Step.model_validate(yaml.safe_load((STEPS / name / "step.yaml").read_text(encoding="utf-8")))


def function(name: str) -> Any:
    module, function = (contract(name).python or "").split(":")
    return getattr(import_module(f"lighterage.steps.{name.replace('/', '.')}.{module}"), function)


def run_step(name: str, tmp_path: Path, **given: Any) -> SimpleNamespace:
    """The outputs by name: values, and artifacts that were written."""
    step = contract(name)
    for key, value in given.items():
        port = step.inputs[key]
        if not port.is_artifact:
            assert not list(problems(port, value)), (key, value)
    values = {key: port.default for key, port in step.inputs.items() if port.has_default} | given
    folder = tmp_path / f"{name.replace('/', '-')}-{next(_numbers)}"
    folder.mkdir()
    artifacts: dict[str, Artifact] = {
        key: kind_of(port.type)(folder / key, type=port.type) for key, port in step.outputs.items() if port.is_artifact
    }
    returned = function(name)(**values, **artifacts) or {}
    for key, port in step.outputs.items():
        if port.is_artifact:
            assert port.optional or artifacts[key].path.exists(), f"{name} did not write {key}"
        else:
            assert not list(problems(port, returned[key])), (key, returned[key])
    return SimpleNamespace(**artifacts, **returned)
