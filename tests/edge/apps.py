"""What apps in other languages need of this machine; without it a test is skipped and says why."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lighterage.edge import Bundle

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def program(name: str, package: str) -> str:
    """Its path."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not on the PATH: {package}")
    return found


def node_modules() -> Path:
    """A folder with @litertjs/core; tests do not ask a registry for it."""
    folder = Path(os.environ.get("LIGHTERAGE_NODE_MODULES") or EXAMPLES / "node" / "node_modules")
    if not (folder / "@litertjs" / "core").is_dir():
        pytest.skip(f"there is no @litertjs/core in {folder}: npm ci --ignore-scripts in examples/node")
    return folder


def litert_library() -> Path:
    """LiteRT's C API, which the wheel brings."""
    package = importlib.util.find_spec("ai_edge_litert")
    folder = Path(package.submodule_search_locations[0]) if package and package.submodule_search_locations else Path()
    if sys.platform != "linux" or not (folder / "libLiteRt.so").is_file():
        pytest.skip("the ai-edge-litert of this machine brings no libLiteRt.so")
    return folder / "libLiteRt.so"


def done(
    *command: str | Path, given: str = "", code: int = 0, **variables: str | Path
) -> subprocess.CompletedProcess[str]:
    """Calls and waits; the exit code must be ``code``."""
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    ended = subprocess.run(list(map(str, command)), input=given.encode(), capture_output=True, env=environment)
    out, err = ended.stdout.decode(), ended.stderr.decode()  # not as text, which would change line ends
    assert ended.returncode == code, f"exit code {ended.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(command, code, out, err)


def raw_rows(bundle: Bundle, count: int) -> np.ndarray:
    """Rows as no model saw them, some values beyond what it is clipped to."""
    return np.random.default_rng(3).normal(scale=2, size=(count, *bundle.inputs[0].shape[1:]))


def lines_of(rows: np.ndarray) -> str:
    """A line of numbers for each row, every bit of them."""
    return "".join(",".join(map(repr, row.ravel().tolist())) + "\n" for row in rows)
