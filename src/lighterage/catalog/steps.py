"""Steps: `data/split@1` ships, `package:name@1` comes with an installed package, `./path` is the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, closest
from ..reading import Document, check, read_document
from ..schemas.plan import digest_of
from ..schemas.step import Step
from ..schemas.tree import code_digest
from .shipped import shipped

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "lighterage.steps"
"""Entry point group: name = how workflows call the package, value = the package that holds its step folders."""

_USES = re.compile(
    r"(?:(?P<package>[A-Za-z0-9][-\w.]*):)?(?P<name>[a-z0-9][-a-z0-9]*(?:/[a-z0-9][-a-z0-9]*)*)(?:@(?P<major>\d+))?"
)


class NotFound(Exception):
    """Nothing of that name. Carries a diagnostic's code, a sentence, and a hint made of the names there are."""

    def __init__(self, code: str, message: str, known: list[str], wanted: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        near = closest(wanted, known)
        self.hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(known)}" if known else None


@dataclass(frozen=True)
class FoundStep:
    """A step, its contract read and checked."""

    step: Step
    document: Document
    folder: Path
    shipped: bool

    @cached_property
    def contract_digest(self) -> str:
        """Of the parts of step.yaml that decide a result: not its prose, not its resources."""
        parts = self.step.model_dump(
            mode="json", exclude_defaults=True, include={"name", "inputs", "outputs", "python", "command"}
        )
        for ports in (parts.get("inputs", {}), parts.get("outputs", {})):
            for port in ports.values():
                port.pop("description", None)
        return digest_of(parts)

    @cached_property
    def code_digest(self) -> str:
        """Of the files in its folder that are not documentation or tests."""
        return code_digest(self.folder)


def find_step(uses: str, near: Path) -> tuple[FoundStep | None, list[Diagnostic]]:
    """The step a task asks for, and every mistake in its `step.yaml`. Raises NotFound when there is none."""
    folder, major, ours = _locate(uses, near)
    document = read_document(folder / "step.yaml", _shown(folder / "step.yaml"))
    step, mistakes = check(document, Step)
    if step is None:
        return None, mistakes
    if major is not None and int(step.version.split(".")[0]) != major:
        offered = f"{uses.partition('@')[0]}@{step.version.split('.')[0]}"
        raise NotFound("L202", f"step {step.name} is at version {step.version}, not {major}", [offered], offered)
    return FoundStep(step, document, folder, ours), mistakes


def _shown(file: Path) -> str:
    """A file as people here would call it: by its path from where they are, if it lies below."""
    try:
        return str(file.relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(file)


def shipped_steps() -> dict[str, Path]:
    """Name -> folder of every step that ships."""
    return _steps_in(shipped("steps"))


def _steps_in(root: Path) -> dict[str, Path]:
    return {file.parent.relative_to(root).as_posix(): file.parent for file in sorted(root.glob("*/*/step.yaml"))}


def _locate(uses: str, near: Path) -> tuple[Path, int | None, bool]:
    if uses.startswith(("./", "../", "/")):
        folder = (near / uses).resolve()
        if not (folder / "step.yaml").is_file():
            siblings = (
                [f"./{file.parent.relative_to(near.resolve())}" for file in near.resolve().glob("**/step.yaml")]
                if near.is_dir()
                else []
            )
            raise NotFound("L201", f"there is no step.yaml in {uses}", siblings[:20], uses)
        return folder, None, False
    match = _USES.fullmatch(uses)
    if not match:
        raise NotFound("L201", f"{uses!r} does not name a step: data/split@1, package:name@1 or ./path", [], uses)
    root = _package_root(match["package"]) if match["package"] else shipped("steps")
    folder = root / match["name"]
    if not (folder / "step.yaml").is_file():
        known = [
            f"{match['package'] + ':' if match['package'] else ''}{name}@{match['major'] or 1}"
            for name in _steps_in(root)
        ]
        raise NotFound("L201", f"there is no step {match['name']!r}", known, uses)
    return folder, int(match["major"]) if match["major"] else None, match["package"] is None


def _package_root(package: str) -> Path:
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    found: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if package not in found:
        raise NotFound("L201", f"no installed package offers steps as {package!r}", sorted(found), package)
    spec = find_spec(found[package].value)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("L201", f"the package {found[package].value!r} behind {package!r} cannot be found", [], package)
    return Path(spec.submodule_search_locations[0])
