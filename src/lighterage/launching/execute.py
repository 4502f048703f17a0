"""Does the work of one task instance: stage in, call the step, check and stage out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..schemas import BadInput
from ..schemas.contract import Port, problems
from ..schemas.plan import PlannedStep
from ..schemas.record import ArtifactRef
from ..storing import Store, StoreError
from .artifacts import Artifact, kind_of
from .code import function_of, require
from .commands import ended, prepare, values_left, variables
from .failure import BAD_INPUT, TaskFailure
from .ingredients import local_path


class Work(NamedTuple):
    """One instance, its inputs known."""

    step: PlannedStep
    inputs: dict[str, Any]
    """name -> value, or an artifact's reference as JSON"""
    folder: Path
    """workspace of its own, the step's current folder; artifacts come and go in its `inputs/` and `outputs/`"""
    base: Path | None = None
    """folder that relative paths in external values start from"""


def execute(work: Work, store: Store) -> dict[str, Any]:
    """Runs the step and publishes its artifacts; returns its outputs as a record keeps them. Raises TaskFailure."""
    require(work.step)
    make_room(work)
    try:
        returned = _call_python(work, store) if work.step.python else _run_command(work, store)
        return collect(work, returned, store)
    except StoreError as error:
        raise TaskFailure("store", str(error)) from error


def make_room(work: Work) -> None:
    """The folder for outputs, where the step leaves any there."""
    if work.step.command or any(port.is_artifact for port in work.step.outputs.values()):
        (work.folder / "outputs").mkdir()


def staged(work: Work, store: Store) -> dict[str, Any]:
    """Inputs as a step gets them: values, and artifacts that fetch themselves into `inputs/`."""
    return {name: _staged(work, name, value, store) for name, value in work.inputs.items()}


def collect(work: Work, returned: Any, store: Store) -> dict[str, Any]:
    """The values that a step gave, held against its contract, and its artifacts, published. Raises TaskFailure."""
    return {**checked_values(work.step, returned), **_artifacts(work, store)}


def _call_python(work: Work, store: Store) -> Any:
    return call_function(work, staged(work, store))


def call_function(work: Work, inputs: dict[str, Any]) -> Any:
    """What the step's function returns for these inputs, as `staged` gives them. Raises TaskFailure."""
    function = function_of(work.step)
    arguments: dict[str, Any] = dict.fromkeys(work.step.inputs)
    arguments |= inputs
    for name, port in work.step.outputs.items():
        if port.is_artifact:
            arguments[name] = kind_of(port.type)(work.folder / "outputs" / name, type=port.type)
    os.chdir(work.folder)
    try:
        return function(**arguments)
    except BadInput as error:
        raise TaskFailure("bad_input", str(error), exit_code=BAD_INPUT) from error
    except (StoreError, TaskFailure):
        raise
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        raise TaskFailure("exit", f"the step ended itself with exit code {code}", exit_code=code) from error
    except Exception as error:
        raise TaskFailure("error", f"{type(error).__name__}: {error}", exit_code=1) from error


def _staged(work: Work, name: str, value: Any, store: Store) -> Any:
    port = work.step.inputs[name]
    if not port.is_artifact:
        outside = port.external and "://" not in value and not value.startswith("package:")
        return str(local_path(value, work.base)) if outside else value
    place = work.folder / "inputs" / name
    if isinstance(value, list):
        return [_artifact(one, place.with_name(f"{name}.{index}"), store) for index, one in enumerate(value)]
    return _artifact(value, place, store)


def _artifact(reference: dict[str, Any], place: Path, store: Store) -> Artifact:
    ref = ArtifactRef.model_validate(reference)

    def fetch() -> Path:
        store.fetch(ref, place)
        return place

    return kind_of(ref.type)(
        fetch, type=ref.type, digest=ref.digest, size=ref.size, uri=None if ref.tree else store.uri(ref)
    )


def _run_command(work: Work, store: Store) -> dict[str, Any]:
    import subprocess

    command = prepare(work.step.command or [], staged(work, store), work.folder, work.step.folder)
    sys.stdout.flush()
    environment = os.environ | variables(work.folder)
    try:
        code = subprocess.run(
            command, cwd=work.folder, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode
    except OSError as error:
        raise TaskFailure("missing", f"{command[0]!r} cannot be started: {error.strerror}") from error
    if code:
        raise ended(code)
    return values_left(value_outputs(work.step), work.folder)


def value_outputs(step: PlannedStep) -> list[str]:
    """Names of the outputs that are no artifacts."""
    return [name for name, port in step.outputs.items() if not port.is_artifact]


def checked_values(step: PlannedStep, returned: Any) -> dict[str, Any]:
    """What the function returned, held against the contract. Raises TaskFailure."""
    wanted = {name: port for name, port in step.outputs.items() if not port.is_artifact}
    if returned is None:
        returned = {}
    elif not isinstance(returned, dict) or (len(wanted) == 1 and not returned.keys() <= wanted.keys()):
        if len(wanted) != 1:
            raise TaskFailure(
                "output",
                f"the step returned {type(returned).__name__}; a dict of its values is expected: {', '.join(wanted) or 'none'}",
            )
        returned = {next(iter(wanted)): returned}
    if unknown := returned.keys() - wanted.keys():
        raise TaskFailure(
            "output",
            f"the step returned {', '.join(map(str, sorted(unknown, key=str)))}, which its contract does not name",
        )
    values = {name: _number(value) for name, value in returned.items() if value is not None}
    for message in _value_problems(wanted, values):
        raise TaskFailure("output", message)
    return values


def _value_problems(wanted: dict[str, Port], values: dict[str, Any]) -> Iterator[str]:
    for name, port in wanted.items():
        if name in values:
            yield from (f"the step's output {name!r} {problem.text}" for problem in problems(port, values[name]))
        elif port.required:
            yield f"the step gave no value for its output {name!r}"


def _number(value: Any) -> Any:
    """numpy's scalars and arrays as Python's own."""
    return value.tolist() if hasattr(value, "tolist") else value


def _artifacts(work: Work, store: Store) -> dict[str, Any]:
    published = {}
    for name, port in work.step.outputs.items():
        if not port.is_artifact:
            continue
        place = work.folder / "outputs" / name
        if not os.path.lexists(place):
            if port.required:
                raise TaskFailure("output", f"the step wrote nothing for its output {name!r} ({port.text()})")
            continue
        published[name] = store.put(place, port.type).model_dump(mode="json")
    return published
