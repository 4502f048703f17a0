"""A look at the `.tflite` file before the interpreter gets it, in plain Python, which a hostile file cannot crash.

It refuses what a device cannot run or should not. That is not a proof that a file is harmless: who must run bundles of
strangers does it in a child process with limits.
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from typing import Any

from .errors import BundleError, no_runtime
from .manifest import Manifest

MOST = 100_000
"""tensors or operators; the count is the file's own word, so it is looked at before anything is counted through"""
MOST_TENSOR_BYTES = 1024**3
"""of all tensors together"""
FORBIDDEN = {"CUSTOM", "DELEGATE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}
WIDEST = 16
"""bytes of the widest element type, complex128"""


def check_model(content: bytes, manifest: Manifest) -> None:
    """Raises BundleError unless the file is a TFLite model with the operators that were proven, and no others."""
    if content[4:8] != b"TFL3":
        raise _unfit(f"{manifest.model} is not a TFLite model")
    try:
        found = _operators(content)
    except (struct.error, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise _unfit(f"{manifest.model} is broken inside: {error}") from None
    if bad := FORBIDDEN & found.keys():
        raise _unfit(f"{manifest.model} needs {', '.join(sorted(bad))}, which a plain runtime does not have")
    if found != manifest.operators:
        more = {name: count for name, count in sorted(found.items()) if manifest.operators.get(name) != count}
        less = sorted(manifest.operators.keys() - found.keys())
        raise _unfit(f"{manifest.model} does not have the operators that were proven: {more or ''}{less or ''}")


def _operators(content: bytes) -> Counter[str]:
    schema = _schema()
    model = schema.Model.GetRootAs(content, 0)
    names = operator_names()
    codes = [model.OperatorCodes(n) for n in range(_few(model.OperatorCodesLength()))]
    numbers = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
    named = [names.get(number, f"operator {number}") for number in numbers]
    found: Counter[str] = Counter()
    total = 0
    for number in range(_few(model.SubgraphsLength())):
        graph = model.Subgraphs(number)
        for one in range(_few(graph.OperatorsLength())):
            found[named[graph.Operators(one).OpcodeIndex()]] += 1
        total += sum(_bytes(graph.Tensors(one)) for one in range(_few(graph.TensorsLength())))
    if total > MOST_TENSOR_BYTES:
        raise ValueError(f"its tensors may need {total} bytes")
    return found


def _few(count: int) -> int:
    if count > MOST:
        raise ValueError(f"it speaks of {count} tensors or operators")
    return count


def _bytes(tensor: Any) -> int:
    """At most; 0 for a scalar and for sizes that are known only at run time."""
    total = WIDEST if _few(tensor.ShapeLength()) else 0
    for place in range(min(tensor.ShapeLength(), 9)):
        total *= max(tensor.Shape(place), 0)
    return total


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise no_runtime(error) from None
    return schema_py_generated


@cache
def operator_names() -> dict[int, str]:
    """Number -> name of the operators that TFLite has built in."""
    return {number: name for name, number in vars(_schema().BuiltinOperator).items() if isinstance(number, int)}


def _unfit(what: str) -> BundleError:
    return BundleError("unfit-model", what, "make the bundle again with edge/bundle")
