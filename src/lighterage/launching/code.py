"""From `python: split:split` to a function, on a laptop and in a pod alike."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

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
    uses = step.uses.partition("@")[0]
    if uses.startswith((".", "/")):
        if step.folder is None:
            raise TaskFailure("missing", f"the code of step {step.uses} is not on this machine")
        return _own_package(step, module)
    package, _, name = uses.rpartition(":")
    root = (
        "lighterage.steps"
        if not package
        else next(p.value for p in entry_points(group=ENTRY_POINTS) if p.name == package)
    )
    return ".".join([root, *name.split("/"), module])


def _own_package(step: PlannedStep, module: str) -> str:
    """A user's folder becomes a package of its own, so that its modules can import each other with `from . import`."""
    from types import ModuleType

    folder = str(step.folder)
    name = "lighterage_step_" + step.code[-16:]
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
        sys.path.insert(0, folder)  # plain `import sibling` works as well
    return f"{name}.{module}"
