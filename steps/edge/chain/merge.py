"""Several models in one flatbuffer, each behind a signature of its own, without TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from lighterage.edge.packing import describe, read_tree, write_tree
from lighterage.edge.runtime import Runtime, from_stored, to_stored
from lighterage.schemas import BadInput

VERSION = "min_runtime_version"
"""name of the metadata that says which runtime is the oldest that will do"""


def merged(models: dict[str, bytes], about: Any) -> bytes:
    """One file with a signature for each model, called as the model is here. Raises BadInput for a model without one."""
    from ai_edge_litert import schema_py_generated as schema

    whole = schema.ModelT(
        version=3, operatorCodes=[], subgraphs=[], metadata=[], signatureDefs=[], description=b"chain"
    )
    whole.buffers = [schema.BufferT()]  # the first is empty, as the format wants it
    versions = []
    for name, content in models.items():
        part = read_tree(content)
        if not part.signatureDefs:
            raise BadInput(f"the model of stage {name!r} has no signature, so it cannot go into one file with others")
        versions += _without_metadata(part)
        _append(whole, part, name)
    if versions:
        oldest = max(versions, key=lambda version: [int(part) for part in version.split(b".") if part.isdigit()])
        whole.buffers.append(schema.BufferT(data=np.frombuffer(oldest.ljust(16, b"\0"), np.uint8)))
        whole.metadata.append(schema.MetadataT(name=VERSION, buffer=len(whole.buffers) - 1))
    describe(whole, about)
    return write_tree(whole)


def check_same(whole: bytes, models: dict[str, bytes], rows: dict[str, np.ndarray]) -> None:
    """Raises BadInput unless each signature answers as its model alone does, bit by bit, for the ``rows`` by stage."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    for kernels, kind in (("default", OpResolverType.AUTO), ("reference", OpResolverType.BUILTIN_REF)):
        interpreter = Interpreter(model_content=whole, experimental_op_resolver_type=kind)
        for name, content in models.items():
            alone = Runtime(content, kernels=kernels)  # type: ignore[arg-type]
            runner = interpreter.get_signature_runner(name)
            (taken,), (given,) = runner.get_input_details(), runner.get_output_details()
            answers = [runner(**{taken: row[None]})[given][0] for row in to_stored(rows[name], alone.input)]
            if from_stored(np.stack(answers), alone.output).tobytes() != alone.outputs(rows[name]).tobytes():
                raise BadInput(f"in one file, stage {name!r} answers otherwise than alone on {kernels} kernels")


def _without_metadata(part: Any) -> list[bytes]:
    """Empties the metadata's buffers, and tells the runtime's version."""
    versions = []
    for one in part.metadata or []:
        buffer = part.buffers[one.buffer]
        if one.name in (VERSION, VERSION.encode()) and buffer.data is not None:
            versions.append(bytes(buffer.data).rstrip(b"\0"))
        buffer.data = None
    return versions


def _append(whole: Any, part: Any, name: str) -> None:
    codes, graphs, buffers = len(whole.operatorCodes), len(whole.subgraphs), len(whole.buffers) - 1
    whole.operatorCodes += part.operatorCodes
    whole.buffers += part.buffers[1:]
    for graph in part.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = tensor.buffer and tensor.buffer + buffers
        for operator in graph.operators or []:
            operator.opcodeIndex += codes
            _shift(operator.builtinOptions, graphs)
            _shift(operator.builtinOptions2, graphs)
    whole.subgraphs += part.subgraphs
    signature = part.signatureDefs[0]
    signature.signatureKey = name
    signature.subgraphIndex += graphs
    whole.signatureDefs.append(signature)


def _shift(options: Any, graphs: int) -> None:
    """The numbers of subgraphs that a loop or a branch runs."""
    for field, value in vars(options).items() if options is not None else ():
        if (field.endswith("SubgraphIndex") or field == "subgraph") and isinstance(value, int) and value >= 0:
            setattr(options, field, value + graphs)
