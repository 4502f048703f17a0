"""TFLite files that no converter would write: a real one, cut open and sewn up again."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Model

Cut = Callable[[Any], None]
"""changes a model in the form of the schema's object API"""


def operate(model: Model, folder: Path, cut: Cut | None = None, **about: Any) -> Model:
    """A copy of a model with another flatbuffer, and other facts in its model.json."""
    shutil.copytree(model.path, folder, copy_function=shutil.copyfile)
    if cut:
        file = folder / "model.tflite"
        file.write_bytes(changed(file.read_bytes(), cut))
    told = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(told | about))
    return Model(folder, type="model/tflite")


def changed(content: bytes, cut: Cut) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    cut(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def nan_weights(model: Any) -> None:
    """The largest constant is NaN throughout."""
    largest = max((buffer for buffer in model.buffers if buffer.data is not None), key=lambda one: len(one.data))
    largest.data = np.full(len(largest.data) // 4, np.nan, np.float32).view(np.uint8)


def other_weights(model: Any) -> None:
    """The largest constant is a little larger throughout: still a model, but no more the same."""
    largest = max((buffer for buffer in model.buffers if buffer.data is not None), key=lambda one: len(one.data))
    largest.data = (largest.data.view(np.float32) * np.float32(1.01)).view(np.uint8)


def with_gelu(model: Any) -> None:
    """The input goes through GELU first."""
    operator = _first(model, "GELU")
    operator.builtinOptionsType = _schema().BuiltinOptions.GeluOptions
    operator.builtinOptions = _schema().GeluOptionsT()


def endless(model: Any) -> None:
    """The input goes round a loop that never ends."""
    _loop(model, body=2)


def killing(model: Any) -> None:
    """The input goes round a loop whose body is the whole model, loop and all: the runtime's stack overflows."""
    _loop(model, body=0)


def of_any_length(model: Any) -> None:
    """Something that is computed inside has a size that is known only at run time."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.operators[1].outputs[0]]
    tensor.shapeSignature = np.array([*tensor.shape[:-1], -1], np.int32)


def _loop(model: Any, body: int) -> None:
    schema, graph = _schema(), model.subgraphs[0]
    true = copy.deepcopy(graph.tensors[graph.inputs[0]])
    true.type, true.shape, true.shapeSignature = schema.TensorType.BOOL, np.array([1], np.int32), None
    true.quantization, true.buffer = None, len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.array([1], np.uint8)
    for tensors in ([_like_input(graph), true], [_like_input(graph)]):
        inner = schema.SubGraphT()
        inner.tensors, inner.inputs, inner.outputs, inner.operators = tensors, [0], [len(tensors) - 1], []
        model.subgraphs.append(inner)
    operator = _first(model, "WHILE")
    operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
    operator.builtinOptions = schema.WhileOptionsT()
    operator.builtinOptions.condSubgraphIndex, operator.builtinOptions.bodySubgraphIndex = 1, body


def _first(model: Any, name: str) -> Any:
    """A new operator between the input and what took it."""
    schema, graph = _schema(), model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    model.operatorCodes.append(code)
    graph.tensors.append(_like_input(graph))
    given, taken = graph.inputs[0], len(graph.tensors) - 1
    for operator in graph.operators:
        operator.inputs = [taken if one == given else one for one in operator.inputs]
    first = schema.OperatorT()
    first.opcodeIndex, first.inputs, first.outputs = len(model.operatorCodes) - 1, [given], [taken]
    graph.operators.insert(0, first)
    return first


def _like_input(graph: Any) -> Any:
    tensor = copy.deepcopy(graph.tensors[graph.inputs[0]])
    tensor.name, tensor.buffer = b"more", 0
    return tensor


def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated
