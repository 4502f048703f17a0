"""Shows that a file is its source: from the flatbuffer, and from its answers. Runs in a child process."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.edge.errors import BundleError
from lighterage.edge.modelfile import VARIABLES, Facts, read_facts
from lighterage.edge.runtime import Runtime
from lighterage.launching.child import Refused

from .export import Exported

RANDOM = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"}
"""operators of layers that are still learning: dropout, noise"""
LEARNING_NAMES = ("dropout", "gradient", "adam")


def prove(content: bytes, rows: np.ndarray, exported: Exported, classes: bool, tolerance: float) -> dict[str, Any]:
    """What was found. Raises Refused where the file is not whole, or does not answer as its source does."""
    try:
        facts = read_facts(content)
        check_file(facts, exported.kernel_values)
        runtime = Runtime(content)
        answers = runtime.outputs(rows).astype(np.float64)
    except BundleError as error:
        raise Refused(error.what) from None
    if runtime.input.shape[0] != 1:
        raise Refused(f"its batch is {runtime.input.shape[0]}, not 1")
    return {
        "operators": dict(sorted(facts.operators.items())),
        "subgraphs": facts.subgraphs,
        "constants": dict(sorted(facts.constants.items())),
        "learning_names": learning_names(content),
        "kernels": runtime.kernels,
        "parity": compare(answers, exported.outputs, classes, tolerance),
        "tensors": {"input": runtime.input.described(), "output": runtime.output.described()},
    }


def check_file(facts: Facts, kernel_values: int) -> None:
    """Raises Refused for a file that a device cannot run, or that has lost its weights.

    A conversion can lose the weights and still give a file that loads, runs and answers. Such a file is
    small, so a limit on size welcomes it; it shows in its operators, in the bytes of its constants, and in
    its answers. Each is looked at on its own.
    """
    if facts.custom:
        flex = any(name.startswith("Flex") for name in facts.custom)
        needs = "which need TensorFlow on the device" if flex else "which are not TFLite's own"
        raise Refused(f"a plain runtime lacks its operators {', '.join(facts.custom)}, {needs}")
    if variables := sorted(VARIABLES & facts.operators.keys()):
        raise Refused(f"its weights are variables outside the file ({', '.join(variables)})")
    if kept := sum(tensor.variable for tensor in facts.tensors):
        raise Refused(f"{kept} of its tensors are variables, which keep a state from one row to the next")
    if random := sorted(RANDOM & facts.operators.keys()):
        raise Refused(f"it draws random numbers ({', '.join(random)}): layers in it are still learning")
    held, needed = sum(facts.constants.values()), 4 * kernel_values
    if held < needed:
        raise Refused(f"weights are missing: {held} bytes of constants, but the kernels need {needed}")


def compare(answers: np.ndarray, source: np.ndarray, classes: bool, tolerance: float) -> dict[str, Any]:
    """Differences on the same rows. Raises Refused where they are larger than ``tolerance``, relative where outputs are over 1."""
    if answers.shape != source.shape:
        raise Refused(f"its outputs have the shape {answers.shape[1:]}, the source's {source.shape[1:]}")
    if bad := int((~np.isfinite(answers)).reshape(len(answers), -1).any(axis=1).sum()):
        raise Refused(f"it answers NaN or infinity for {bad} of {len(answers)} rows")
    difference, allowed = float(np.abs(answers - source).max()), tolerance * max(1.0, float(np.abs(source).max()))
    if difference > allowed:
        raise Refused(f"its outputs differ from the source's by up to {difference:.3g}; {allowed:.3g} is allowed")
    found = {"max_abs_diff": difference, "allowed": allowed}
    if classes:
        agreement = float((answers.argmax(axis=-1) == source.argmax(axis=-1)).mean())
        if agreement < 1:
            raise Refused(f"it gives the source's class for only {agreement:.4f} of the rows")
        found["agreement"] = agreement
    return found


def learning_names(content: bytes) -> list[str]:
    """Names of tensors that speak of training. A weak sign, so it is told and not judged: names are anybody's choice."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graphs = (model.Subgraphs(number) for number in range(model.SubgraphsLength()))
    names = {
        (graph.Tensors(one).Name() or b"").decode(errors="replace")
        for graph in graphs
        for one in range(graph.TensorsLength())
    }
    return sorted(name for name in names if any(word in name.lower() for word in LEARNING_NAMES))
