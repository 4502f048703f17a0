"""From `python: split:split` to a function, on a laptop and in a pod alike."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

from ..schemas.plan import PlannedStep
from .failure import TaskFailure
from .ingredients import version_of

ENTRY_POINTS = "lighterage.steps"


def require(step: PlannedStep) -> None:
    """Raises TaskFailure when a distribution the step requires is not installed."""
    absent = [name for name in step.requires if version_of(name) is None]
    if absent:
        raise TaskFailure("missing", f"{step.name} requires {', '.join(absent)}: pip install {' '.join(absent)}")


def function_of(step: PlannedStep) -> Callable[..., Any]:
    """The step's function. Raises TaskFailure when it cannot be imported."""
    module_name, _, function = str(step.python).partition(":")
    try:
        module = importlib.import_module(_module_name(step, module_name))
        return getattr(module, function)
    except TaskFailure:
        raise
    except Exception as error:
        raise TaskFailure(
            "error", f"{step.python} of {step.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _module_name(step: PlannedStep, module: str) -> str:
    """A dotted name: below `lighterage.steps`, below a package's own, or on its own for a folder of the user's."""
    if step.own:
        return _own_package(step, module)
    root, name = _packaged(step)
    return ".".join([root, *name.split("/"), module])


def package_folder(step: PlannedStep) -> Path:
    """Where the code of a step lies that came with an installed package. Raises TaskFailure."""
    root, name = _packaged(step)
    return Path(next(iter(importlib.import_module(root).__path__)), name)


def _packaged(step: PlannedStep) -> tuple[str, str]:
    """The package that holds a step's folder, and the folder's name there. Raises TaskFailure."""
    package, _, name = step.uses.partition("@")[0].rpartition(":")
    if not package:
        return "lighterage.steps", name
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == package:
            return point.value, name
    raise TaskFailure("missing", f"no installed package offers the steps {package!r}, which {step.uses} is one of")


def _own_package(step: PlannedStep, module: str) -> str:
    """A user's folder becomes a package of its own, so that its modules can import each other with `from . import`."""
    from types import ModuleType

    folder = str(step.folder)
    name = "lighterage_step_" + step.code[-16:]
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        sys.path_hooks.insert(0, _finder_below(folder, str(step.written or folder)))
        sys.path.insert(0, folder)  # plain `import sibling` works as well
    return f"{name}.{module}"


def _finder_below(folder: str, written: str) -> Callable[[str], Any]:
    """What `sys.path_hooks` holds, for a step's folder and those in it. Tracebacks name files where they are ``written``."""

    class FromSource(SourceFileLoader):
        """Compiles anew each time. Python takes cached bytecode for that of a file of equal size and second, which an
        edit may leave as they were: the result of old code would be kept under the key of the new."""

        def path_stats(self, path: str) -> NoReturn:
            raise OSError("bytecode is not cached")

        def source_to_code(self, data: Any, path: Any, **options: Any) -> Any:  # type: ignore[override]  # Pythons differ
            return super().source_to_code(data, written + os.fsdecode(path).removeprefix(folder), **options)

    extensions = (ExtensionFileLoader, EXTENSION_SUFFIXES)
    hook = FileFinder.path_hook(extensions, (FromSource, SOURCE_SUFFIXES))

    def finder(path: str) -> Any:
        if path != folder and not path.startswith(f"{folder}{os.sep}"):
            raise ImportError
        return hook(path)

    return finder
