"""Hera's models alone, in about two thirds of the time that `import hera.workflows` takes.

The package itself imports HTTP clients and authoring classes that nobody needs to build objects. So it is entered by
empty packages with its path, which leave again: whoever imports Hera later gets the whole of it, with these very models.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...diagnostics import Missing

__all__ = ["models"]


def _load() -> Any:
    if "hera" in sys.modules:
        return import_module("hera.workflows.models")
    spec = find_spec("hera")
    if spec is None or not spec.submodule_search_locations:
        raise Missing("compiling for Argo needs hera: pip install hera")
    folder = Path(spec.submodule_search_locations[0])
    stand_ins = {"hera": folder, "hera.workflows": folder / "workflows"}
    for name, path in stand_ins.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    collecting = gc.isenabled()
    gc.disable()  # hundreds of classes are made and none is garbage
    try:
        return import_module("hera.workflows.models")
    finally:
        for name in stand_ins:
            del sys.modules[name]
        if collecting:
            gc.enable()


if TYPE_CHECKING:
    from hera.workflows import models
else:
    models = _load()
