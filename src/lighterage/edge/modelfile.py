"""A look into a `.tflite` file without the interpreter, in plain Python, which a hostile file cannot crash.

It refuses what a device cannot run or should not. That is not a proof that a file is harmless: who must run bundles of
strangers does it in a child process with limits.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any, NamedTuple

from .errors import BundleError, no_runtime
from .manifest import Manifest

MOST = 100_000
"""tensors and operators of all subgraphs; counts are the file's own word, so they are looked at before anything is read"""
MOST_DIMENSIONS = 16
MOST_TENSOR_BYTES = 1024**3
"""of all tensors together"""
VARIABLES = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}
"""operators of weights that are kept outside the file"""
FORBIDDEN = {"CUSTOM", "DELEGATE"} | VARIABLES
WIDEST = 16
"""bytes of the widest element type, complex128"""


class TensorFact(NamedTuple):
    """A tensor of any subgraph."""

    type: str
    """name in the flatbuffer: FLOAT32, INT8, INT4, …"""
    shape: tuple[int, ...]
    constant: bool
    """its values are in the file"""
    variable: bool
    dynamic: bool
    """some of its sizes are only known at run time"""


@dataclass
class Facts:
    """What a file holds, counted over all subgraphs."""

    signature: str = ""
    """key of the first signature; empty where there is none"""
    inputs: tuple[str, ...] = ()
    """its inputs' names"""
    operators: Counter[str] = field(default_factory=Counter)
    """built-in name -> how often; `CUSTOM` for all that is none"""
    custom: tuple[str, ...] = ()
    """names of custom operators in use, each once; those that need TensorFlow begin with `Flex`"""
    constants: Counter[str] = field(default_factory=Counter)
    """element type -> bytes in the file, a shared buffer once"""
    subgraphs: int = 0
    tensors: list[TensorFact] = field(default_factory=list)

    @property
    def has_integer_weights(self) -> bool:
        """Beside shapes and axes, which are INT32 or INT64."""
        return bool({"INT4", "INT8", "UINT8", "INT16"} & self.constants.keys())


def read_facts(content: bytes) -> Facts:
    """Raises BundleError("unfit-model") for bytes that are no whole TFLite model."""
    if content[4:8] != b"TFL3":
        raise _unfit("it is not a TFLite model")
    try:
        return _facts(_schema().Model.GetRootAs(content, 0))
    except (struct.error, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise _unfit(f"it is broken inside: {error}") from None


def check_model(content: bytes, manifest: Manifest) -> Facts:
    """The file's facts. Raises BundleError unless the file is a TFLite model with the operators that were proven, and no others."""
    facts = read_facts(content)
    found, proven = facts.operators, manifest.operators
    if bad := FORBIDDEN & found.keys():
        raise _unfit(f"it needs {', '.join(sorted(bad))}, which a plain runtime does not have")
    if found != proven:
        more = {name: count for name, count in sorted(found.items()) if proven.get(name) != count}
        less = sorted(proven.keys() - found.keys())
        raise _unfit(f"it does not have the operators that were proven: {more or ''}{less or ''}")
    largest = sum(prod(max(size, 0) for size in one.shape) for one in facts.tensors if one.shape) * WIDEST
    if largest > MOST_TENSOR_BYTES:
        raise _unfit(f"its tensors may need {largest} bytes")
    return facts


def _facts(model: Any) -> Facts:
    facts = Facts(subgraphs=_few(model.SubgraphsLength()))
    if model.SignatureDefsLength():
        first = model.SignatureDefs(0)
        facts.signature = _text(first.SignatureKey())
        facts.inputs = tuple(_text(first.Inputs(one).Name()) for one in range(_few(first.InputsLength())))
    codes = [model.OperatorCodes(one) for one in range(_few(model.OperatorCodesLength()))]
    numbers = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
    named = [_names("BuiltinOperator").get(number, f"operator {number}") for number in numbers]
    custom, counted, left = set[str](), set[int](), MOST
    for graph in (model.Subgraphs(one) for one in range(facts.subgraphs)):
        left -= graph.OperatorsLength() + graph.TensorsLength()
        _few(MOST - left)
        for one in range(graph.OperatorsLength()):
            code = graph.Operators(one).OpcodeIndex()
            facts.operators[named[code]] += 1
            if named[code] == "CUSTOM":
                custom.add(_text(codes[code].CustomCode()))
        for tensor, kept in _tensors(model, graph, counted):
            facts.tensors.append(tensor)
            if kept:
                facts.constants[tensor.type] += kept
    facts.custom = tuple(sorted(custom))
    return facts


def _tensors(model: Any, graph: Any, counted: set[int]) -> Iterator[tuple[TensorFact, int]]:
    """Each tensor, with the bytes that it adds to those ``counted`` (numbers of buffers)."""
    for one in range(graph.TensorsLength()):
        tensor = graph.Tensors(one)
        if tensor.ShapeLength() > MOST_DIMENSIONS:
            raise ValueError(f"a tensor has {tensor.ShapeLength()} dimensions")
        shape = tuple(tensor.Shape(place) for place in range(tensor.ShapeLength()))
        number = tensor.Buffer()
        kept = _buffer_bytes(model, number)
        kind = _names("TensorType").get(tensor.Type(), f"type {tensor.Type()}")
        dynamic = any(
            tensor.ShapeSignature(place) < 0 for place in range(min(tensor.ShapeSignatureLength(), len(shape)))
        )
        fact = TensorFact(kind, shape, kept > 0, bool(tensor.IsVariable()), dynamic)
        yield fact, 0 if number in counted else kept
        counted.add(number)


def _buffer_bytes(model: Any, number: int) -> int:
    if not 0 <= number < model.BuffersLength():
        raise ValueError(f"it has no buffer {number}")
    buffer = model.Buffers(number)
    return int(buffer.DataLength() or buffer.Size())  # a very large model's buffers lie behind the flatbuffer


def _few(count: int) -> int:
    if count > MOST:
        raise ValueError(f"it speaks of {count} tensors, operators or the like")
    return count


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")[:200]


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise no_runtime(error) from None
    return schema_py_generated


@cache
def _names(enum: str) -> dict[int, str]:
    """Number -> name of a flatbuffer's enumeration."""
    return {number: name for name, number in vars(getattr(_schema(), enum)).items() if isinstance(number, int)}


def operator_names() -> dict[int, str]:
    """Number -> name of the operators that TFLite has built in."""
    return _names("BuiltinOperator")


def _unfit(what: str) -> BundleError:
    return BundleError("unfit-model", f"the model cannot be used: {what}", "make it again")
