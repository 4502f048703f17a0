"""Calls a step's function as its contract says: defaults filled in, values checked, no engine."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
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


def function(name: str) -> Callable[..., Any]:
    module, function = (contract(name).python or "").split(":")
    return getattr(import_module(f"lighterage.steps.{name.replace('/', '.')}.{module}"), function)


def run_step(name: str, tmp_path: Path, /, **given: Any) -> SimpleNamespace:
    """The outputs by name: values, and artifacts that were written.

    A step that preloads modules runs in a fork of this process, as the engine does it.
    """
    step = contract(name)
    for key, value in given.items():
        if not step.inputs[key].is_artifact:
            assert not list(problems(step.inputs[key], value)), (key, value)
    values = {key: port.default for key, port in step.inputs.items() if port.has_default} | given
    folder = tmp_path / f"{name.replace('/', '-')}-{next(_numbers)}"
    folder.mkdir()
    artifacts: dict[str, Artifact] = {
        key: kind_of(port.type)(folder / key, type=port.type) for key, port in step.outputs.items() if port.is_artifact
    }
    for module in step.preload:
        import_module(module)
    call = partial(function(name), **values, **artifacts)
    returned = (in_fork(call) if step.preload else call()) or {}
    for key, port in step.outputs.items():
        if port.is_artifact:
            assert port.optional or artifacts[key].path.exists(), f"{name} did not write {key}"
        else:
            assert not list(problems(port, returned[key])), (key, returned[key])
    return SimpleNamespace(**artifacts, **returned)


def in_fork(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns or raises in a process of its own, so that this one never runs TensorFlow."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_tell, args=(theirs, call, arguments))
    child.start()
    theirs.close()
    try:
        returned, error = ours.recv()
    finally:
        child.join()
    if error:
        raise error
    return returned


def _tell(pipe: Connection, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pipe.send((call(*arguments), None))
    except Exception as error:
        pipe.send((None, error))
