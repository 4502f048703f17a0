"""Whether a file holds what its variant says, read from the file itself."""

from __future__ import annotations

from collections.abc import Iterator

from lighterage.edge.modelfile import VARIABLES, Facts

VALUE_BYTES = {"float32": 4.0, "float16": 2.0, "int4": 0.5}
"""the least that a kernel's value takes; 1 in all other variants"""
CLAIMS = {
    "float16": "FLOAT16",
    "dynamic_int8": "INT8",
    "weight_int8": "INT8",
    "int8": "INT8",
    "int16x8": "INT8",
    "int4": "INT4",
}
"""variant -> element type that some of its constants must have"""
COMPUTES = {"int8": "INT8", "int16x8": "INT16"}
"""variant -> element type that it must compute with"""


def unfit(facts: Facts, variant: str, kernel_values: int) -> Iterator[str]:
    """A sentence for each reason not to ship the file.

    A conversion can lose the weights and still give a file that loads, runs and answers. Such a file is
    small, so a limit on size welcomes it; it shows in its operators, in the bytes of its constants, and in
    its answers.
    """
    if facts.custom:
        yield f"a plain runtime lacks its operators {', '.join(facts.custom)}"
    if variables := sorted(VARIABLES & facts.operators.keys()):
        yield f"its weights are variables outside the file ({', '.join(variables)})"
    if count := sum(tensor.variable for tensor in facts.tensors):
        yield f"{count} of its tensors are variables, which keep values from one call to the next"
    held = sum(facts.constants.values())
    needed = int(kernel_values * VALUE_BYTES.get(variant, 1.0))
    if held < needed:
        yield f"weights are missing: {held} bytes of constants, but the kernels need {needed}"
    wanted = CLAIMS.get(variant)
    if wanted and not facts.constants[wanted]:
        yield f"it has no {wanted} weights, so it is no {variant} model"
    if variant == "float32" and (small := sorted({"FLOAT16", "INT8", "INT4"} & facts.constants.keys())):
        yield f"it has {', '.join(small)} weights, so it is no float32 model"
    computes = COMPUTES.get(variant)
    if computes and not any(tensor.type == computes and not tensor.constant for tensor in facts.tensors):
        yield f"it does not compute with {computes}, so it is no {variant} model"
