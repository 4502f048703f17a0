"""Does the work of one task instance: stage in, call the step, check and stage out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..schemas import BadInput
from ..schemas.contract import Port, problems
from ..schemas.plan import PlannedStep, canonical
from ..schemas.record import ArtifactRef
from ..storing import Store, StoreError
from .artifacts import Artifact, kind_of
from .code import function_of, require
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
    if work.step.command or any(port.is_artifact for port in work.step.outputs.values()):
        (work.folder / "outputs").mkdir()
    places = {name: work.folder / "outputs" / name for name in work.step.outputs}
    try:
        returned = _call_python(work, store, places) if work.step.python else _run_command(work, store, places)
        return {**_values(work.step, returned), **_artifacts(work.step, places, store)}
    except StoreError as error:
        raise TaskFailure("store", str(error)) from error


def _call_python(work: Work, store: Store, places: dict[str, Path]) -> Any:
    function = function_of(work.step)
    arguments: dict[str, Any] = dict.fromkeys(work.step.inputs)
    arguments |= {name: _staged(work, name, value, store) for name, value in work.inputs.items()}
    for name, port in work.step.outputs.items():
        if port.is_artifact:
            arguments[name] = kind_of(port.type)(places[name], type=port.type)
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


def _run_command(work: Work, store: Store, places: dict[str, Path]) -> dict[str, Any]:
    """Each argument may hold `${inputs.x}` and `${outputs.x}`; no shell is involved. Values come back as JSON files."""
    import json
    import re
    import subprocess

    inputs = {name: _staged(work, name, value, store) for name, value in work.inputs.items()}

    def text(match: re.Match[str]) -> str:
        side, name = match[1], match[2]
        if side == "outputs":
            return str(places[name])
        value = inputs.get(name, "")
        return (
            str(value.path)
            if isinstance(value, Artifact)
            else value
            if isinstance(value, str)
            else json.dumps(_plain(value))
        )

    arguments = [re.sub(r"\$\{(inputs|outputs)\.([a-z][a-z0-9_]*)\}", text, part) for part in work.step.command or ()]
    (work.folder / "inputs.json").write_text(canonical(_plain(inputs)), encoding="utf-8")
    environment = {
        **os.environ,
        "LIGHTERAGE_INPUTS": str(work.folder / "inputs.json"),
        "LIGHTERAGE_OUTPUTS": str(work.folder / "outputs"),
    }
    sys.stdout.flush()
    try:
        code = subprocess.run(
            arguments, cwd=work.folder, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode
    except OSError as error:
        raise TaskFailure("missing", f"{arguments[0]!r} cannot be started: {error.strerror}") from error
    if code:
        raise ended(code)
    values = [name for name, port in work.step.outputs.items() if not port.is_artifact and places[name].is_file()]
    try:
        return {name: json.loads(places[name].read_text(encoding="utf-8")) for name in values}
    except ValueError as error:
        raise TaskFailure("output", f"a value output is not JSON: {error}") from error


def _plain(value: Any) -> Any:
    """Artifacts as the paths of their local copies, for a program that reads JSON."""
    if isinstance(value, Artifact):
        return str(value.path)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def ended(code: int) -> TaskFailure:
    """The failure behind a process's return code, as `subprocess` gives it: negative for a signal."""
    import signal

    if code >= 0:
        kind = "bad_input" if code == BAD_INPUT else "exit"
        return TaskFailure(kind, f"the step ended with exit code {code}", exit_code=code)
    name = signal.Signals(-code).name
    why = {
        "SIGKILL": "; this is what the kernel does when memory runs out: ask for more `memory`, or use less",
        "SIGSEGV": "; a library crashed",
        "SIGABRT": "; a library gave up",
        "SIGBUS": "; a file or device went away",
    }
    return TaskFailure("signal", f"the step was killed by {name}{why.get(name, '')}", exit_code=128 - code, signal=name)


def _values(step: PlannedStep, returned: Any) -> dict[str, Any]:
    """What the function returned, held against the contract."""
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


def _artifacts(step: PlannedStep, places: dict[str, Path], store: Store) -> dict[str, Any]:
    published = {}
    for name, port in step.outputs.items():
        if not port.is_artifact:
            continue
        if not os.path.lexists(places[name]):
            if port.required:
                raise TaskFailure("output", f"the step wrote nothing for its output {name!r} ({port.text()})")
            continue
        published[name] = store.put(places[name], port.type).model_dump(mode="json")
    return published
