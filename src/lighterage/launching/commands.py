"""Steps that are programs: their arguments, what they find and what they leave. No shell is involved."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePath
from typing import Any

from ..schemas import BadInput
from ..schemas.plan import canonical
from .artifacts import Artifact
from .failure import BAD_INPUT, TaskFailure

_PLACE = re.compile(r"\$\{(?:(inputs|outputs)\.([a-z][a-z0-9_]*)|code)\}")


def prepare(command: list[str], inputs: dict[str, Any], folder: Path, code: Path | None) -> list[str]:
    """The program's arguments, with values and paths in their places; writes `inputs.json` beside them.

    ``inputs`` are values and staged artifacts; ``folder`` is the workspace; ``code`` the step's own folder. Text stands
    as it is, other values as JSON. Raises BadInput.
    """
    plain = _plain(inputs)

    def text(match: re.Match[str]) -> str:
        side, name = match[1], match[2]
        if side is None:
            return str(code)
        if side == "outputs":
            return str(folder / "outputs" / name)
        value = plain.get(name, "")
        return value if isinstance(value, str) else canonical(value)

    (folder / "inputs.json").write_text(canonical(plain), encoding="utf-8")
    arguments = [_PLACE.sub(text, part) for part in command]
    if any("\0" in one for one in arguments):
        raise BadInput("a value holds the character NUL, which no program can be given as an argument")
    return arguments


def variables(folder: PurePath) -> dict[str, str]:
    """Where the program finds all its inputs as JSON, and the folder for its outputs."""
    return {"LIGHTERAGE_INPUTS": str(folder / "inputs.json"), "LIGHTERAGE_OUTPUTS": str(folder / "outputs")}


def values_left(names: list[str], folder: Path) -> dict[str, Any]:
    """Value outputs: a JSON file each, in the folder for outputs. Raises TaskFailure for what is none."""
    places = {name: folder / "outputs" / name for name in names}
    if links := [name for name, place in places.items() if place.is_symlink()]:
        raise TaskFailure("output", f"the value output {links[0]!r} is a symbolic link; a JSON file is expected")
    try:
        return {
            name: json.loads(place.read_text(encoding="utf-8")) for name, place in places.items() if place.is_file()
        }
    except ValueError as error:
        raise TaskFailure("output", f"a value output is not JSON: {error}") from error


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


def _plain(value: Any) -> Any:
    """Artifacts as the paths of their local copies, for a program that reads JSON."""
    if isinstance(value, Artifact):
        return str(value.path)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
