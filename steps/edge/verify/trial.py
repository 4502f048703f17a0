"""One model put to the test. Runs in a child process: a model can kill the process that runs it."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import numpy as np

from lighterage.edge.errors import BundleError, InputError
from lighterage.edge.modelfile import read_facts
from lighterage.edge.runtime import Runtime
from lighterage.launching.child import Refused

from .comparing import Judge
from .fitness import unfit
from .second import crosscheck
from .targets import Profile, broken_rules

CROSSCHECKED = 200
"""rows, evenly spread, that a second runtime answers too: it is slow"""


def answers(content: bytes, rows: np.ndarray, profile: Profile, threads: int) -> tuple[np.ndarray, str]:
    """Outputs ``(rows, outputs)`` as float64, and the kernel set. Raises Refused for what does not run or is not finite."""
    outputs, runtime = _run(content, rows, profile, threads)
    return outputs, runtime.kernels


def trial(
    content: bytes, about: dict[str, Any], rows: np.ndarray, judge: Judge, profile: Profile, threads: int
) -> dict[str, Any]:
    """Figures of a variant, and ``reasons`` why not to use it (none: it is proven). Raises Refused where it has no figures."""
    variant = about["variant"]
    facts = _not_broken(read_facts, content)
    if reasons := list(unfit(facts, variant, about["kernel_values"])):
        raise Refused("; ".join(reasons))
    reasons = [f"not for {profile.name}: {broken}" for broken in broken_rules(facts, variant, profile)]
    outputs, runtime = _run(content, rows, profile, threads)
    if outputs.shape != judge.reference.shape:
        raise Refused(f"it gives {outputs.shape[1]} outputs, its reference {judge.reference.shape[1]}")
    if variant == "float32" and (difference := judge.differs(outputs)):
        reasons.append(f"its outputs differ from the reference's by up to {difference:.3g}")
    figures = judge.figures(outputs) | _described(content, runtime)
    if profile.second_runtime and not reasons:
        few = rows[np.unique(np.linspace(0, len(rows) - 1, CROSSCHECKED).astype(int))]
        figures["second_runtime"] = second = crosscheck(content, few)
        if "arena_kb" in second:
            figures["arena_kb"] = second["arena_kb"]
        reasons += second.pop("reasons", [])
    return {"reasons": reasons, **figures, "operators": dict(sorted(facts.operators.items()))}


def _run(content: bytes, rows: np.ndarray, profile: Profile, threads: int) -> tuple[np.ndarray, Runtime]:
    runtime = _not_broken(Runtime, content, threads=threads, kernels=profile.kernels)
    outputs = _not_broken(runtime.outputs, rows).astype(np.float64)
    if outputs.ndim != 2:
        raise Refused(f"its output has the shape {list(runtime.output.shape)}, not a batch of one and a list of values")
    if bad := int((~np.isfinite(outputs)).any(axis=1).sum()):
        raise Refused(f"it answers NaN or infinity for {bad} of {len(rows)} rows")
    return outputs, runtime


def _not_broken(call: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return call(*arguments, **options)
    except BundleError as error:
        raise Refused(error.what) from None
    except InputError as error:
        raise Refused(str(error)) from None


def _described(content: bytes, runtime: Runtime) -> dict[str, Any]:
    compressed = len(gzip.compress(content, 9, mtime=0))
    return {
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
        "size_kb": len(content) / 1024,
        "size_gzip": compressed,
        "size_gzip_kb": compressed / 1024,
        "kernels": runtime.kernels,
        "input": runtime.input.described(),
        "output": runtime.output.described(),
    }
