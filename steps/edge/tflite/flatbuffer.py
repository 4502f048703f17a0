"""What a .tflite file holds, read from the file itself, and whether it is fit to be shipped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lighterage.launching.child import Refused

VARIABLE_OPERATORS = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}


@dataclass
class Facts:
    """Counts over all subgraphs."""

    signature: str = ""
    input_name: str = ""
    operators: Counter[str] = field(default_factory=Counter)
    custom: list[str] = field(default_factory=list)
    constants: Counter[str] = field(default_factory=Counter)
    """element type -> bytes of constant tensors"""


def read_facts(content: bytes) -> Facts:
    """Raises Refused for bytes that are no TFLite model."""
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        raise Refused("the file is not a TFLite model")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    facts = Facts()
    if model.signatureDefs:
        facts.signature = _text(model.signatureDefs[0].signatureKey)
        facts.input_name = _text(model.signatureDefs[0].inputs[0].name)
    seen: set[int] = set()
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            code = model.operatorCodes[operator.opcodeIndex]
            name = _names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
            facts.operators[name] += 1
            if name == "CUSTOM":
                facts.custom.append(_text(code.customCode))
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                facts.constants[_names("TensorType")[tensor.type]] += len(data)
    return facts


def check_file(content: bytes, variant: str, kernel_values: int) -> Facts:
    """The facts of a file fit to ship. Raises Refused where one shows that it is not.

    A conversion can lose the weights and still give a file that loads, runs and answers. Such a file is
    small, so a limit on size welcomes it; it shows in its operators, in the bytes of its constants, and in
    its answers.
    """
    facts = read_facts(content)
    if facts.custom:
        raise Refused(f"a plain runtime lacks its operators {', '.join(sorted(set(facts.custom)))}")
    if variables := sorted(VARIABLE_OPERATORS & facts.operators.keys()):
        raise Refused(f"its weights are variables outside the file ({', '.join(variables)})")
    held = sum(facts.constants.values())
    needed = kernel_values * (4 if variant == "float32" else 1)
    if held < needed:
        raise Refused(f"weights are missing: {held} bytes of constants, but the kernels need {needed}")
    if variant != "float32" and not facts.constants["INT8"]:
        raise Refused("nothing in it was quantized")
    return facts


@cache
def _names(enum: str) -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {number: name for name, number in vars(getattr(schema, enum)).items() if not name.startswith("_")}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
