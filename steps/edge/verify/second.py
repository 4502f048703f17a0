"""The same model in tflite-micro, the runtime of microcontrollers, on the same rows."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from lighterage.edge.runtime import Kernels, Runtime, from_stored, to_stored
from lighterage.launching.child import Refused

ARENA = 32 * 1024 * 1024
"""bytes offered; what it used is counted. It must never be too little: that ends the process"""
FLOAT_TOLERANCE = 1e-5
"""of float outputs, relative where they are larger than 1"""
MOST_STEPS = {"int8": 0, "uint8": 0, "int16": 16}
"""of the output's 256 or 65536. With 16-bit activations the two round otherwise by a step in FULLY_CONNECTED, and a softmax
after it makes up to 4 of that (digits, 450 rows); 16 are still a sixteenth of one step of int8"""
LITERT: tuple[Kernels, ...] = ("reference", "builtin")
"""kernel sets of LiteRT, one of which it must equal. The two round int8 FULLY_CONNECTED otherwise, and tflite-micro does it as
the second: `make bench-edge` has models for which only that one is equal"""


def installed() -> str | None:
    """The runtime's name and version; None where it is not installed: there is none but for Linux on x86-64."""
    return f"tflite-micro {version('tflite-micro')}" if find_spec("tflite_micro") else None


def crosscheck(content: bytes, rows: np.ndarray) -> dict[str, Any]:
    """How far it is from the nearer of LiteRT's plain kernel sets, the memory it needs, ``reasons`` if that is too far.

    Where it is not installed: that. Raises Refused where it cannot run the model.
    """
    name = installed()
    if name is None:
        return {"checked": "static", "why": "tflite-micro is not installed: there is none but for Linux on x86-64"}
    runtimes = [Runtime(content, kernels=kernels) for kernels in LITERT]
    tensor = runtimes[0].output
    with _messages() as said:
        outputs, arena = _run(content, to_stored(rows, runtimes[0].input), said)
    theirs = from_stored(outputs, tensor).astype(np.float64)
    apart = [(float(np.abs(one.outputs(rows).astype(np.float64) - theirs).max()), one.kernels) for one in runtimes]
    difference, kernels = min(apart, key=lambda one: one[0])
    found = {"checked": "run", "runtime": name, "rows": len(rows), "kernels": kernels, "max_abs_diff": difference}
    if arena is not None:
        found |= {"arena_bytes": arena, "arena_kb": arena / 1024}
    if tensor.scale is None:
        if not difference <= FLOAT_TOLERANCE * max(1.0, float(np.abs(theirs).max())):
            found["reasons"] = [f"{name} differs from all of LiteRT's kernels by at least {difference:.3g}"]
        return found
    found["max_steps"] = steps = round(difference / tensor.scale)
    if steps > MOST_STEPS[tensor.dtype]:
        found["reasons"] = [f"{name} differs from all of LiteRT's kernels, by at least {steps} steps of the output"]
    return found


def _run(content: bytes, stored: np.ndarray, said: Any) -> tuple[np.ndarray, int | None]:
    """Outputs as stored, and bytes of the arena in use."""
    from tflite_micro import runtime as micro

    try:
        interpreter = micro.Interpreter.from_bytes(content, arena_size=max(ARENA, 10 * len(content)))
        outputs = []
        for row in stored:
            interpreter.set_input(row[None], 0)
            interpreter.invoke()
            outputs.append(interpreter.get_output(0)[0].copy())
    except (RuntimeError, ValueError) as error:
        raise Refused(f"tflite-micro cannot run it: {_last_line(said()) or error}") from None
    interpreter.print_allocations()
    used = re.search(r"Arena allocation total (\d+) bytes", said())
    return np.stack(outputs), int(used[1]) if used else None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines[:2]))


@contextmanager
def _messages() -> Iterator[Any]:
    """A function that gives what the runtime wrote so far: it writes to the process's standard error, not to Python's."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)

        def said() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            yield said
        finally:
            os.dup2(before, 2)
            os.close(before)
