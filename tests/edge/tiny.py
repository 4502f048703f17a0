"""Bundles made in a moment, without TensorFlow: one dense layer and a softmax, of weights that a test chooses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from lighterage.edge.packing import stable_arrays, stable_zip, write_tree
from lighterage.edge.runtime import Runtime

FEATURES, CLASSES = 64, 8


def weights(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(CLASSES, FEATURES)).astype(np.float32)


def write_bundle(file: Path, kernel: np.ndarray, **changed: Any) -> Path:
    """A zip; ``changed`` are fields of the manifest, and ``golden`` an amount to falsify the golden outputs by."""
    model = dense_model(kernel)
    rows = np.random.default_rng(5).normal(size=(4, FEATURES)).astype(np.float32)
    outputs = Runtime(model, kernels="reference").outputs(rows) + np.float32(changed.pop("golden", 0))
    classes = changed.get("classes", [f"kind {number}" for number in range(CLASSES)])
    files = {
        "model.tflite": model,
        "golden.npz": stable_arrays({"inputs": rows, "outputs": outputs}),
        "labels.txt": ("\n".join(classes) + "\n").encode(),
        "report.json": b"{}\n",
    }
    manifest = _manifest(classes) | changed | {"files": {name: _entry(files[name]) for name in sorted(files)}}
    file.write_bytes(stable_zip({"manifest.json": json.dumps(manifest).encode(), **files}))
    return file


def _manifest(classes: list[str]) -> dict[str, Any]:
    return {
        "format": "lighterage/bundle/1",
        "name": "tiny",
        "task": "classification",
        "target": {"profile": "cpu", "checked": "run"},
        "model": {
            "file": "model.tflite",
            "variant": "float32",
            "input": {"name": "rows", "shape": [1, FEATURES], "dtype": "float32"},
            "output": {"name": "scores", "shape": [1, CLASSES], "dtype": "float32"},
            "operators": {"FULLY_CONNECTED": 1, "SOFTMAX": 1},
        },
        "classes": classes,
        "labels": "labels.txt",
        "features": ["x"],
        "rate_hz": None,
        "preprocessing": [],
        "golden": {"file": "golden.npz", "rows": 4, "runtime": "ai-edge-litert", "kernels": "BUILTIN_REF"},
        "report": "report.json",
        "provenance": {"data": "", "parameters": FEATURES * CLASSES, "calibration": None, "made_with": {}},
    }


def _entry(content: bytes) -> dict[str, Any]:
    return {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


def dense_model(kernel: np.ndarray) -> bytes:
    """softmax(rows @ kernel.T) as a `.tflite` file."""
    outputs, inputs = kernel.shape
    graph = schema.SubGraphT()
    graph.inputs, graph.outputs = [0], [3]
    graph.tensors = [
        _tensor("rows", [1, inputs], 0),
        _tensor("kernel", [outputs, inputs], 1),
        _tensor("logits", [1, outputs], 0),
        _tensor("scores", [1, outputs], 0),
    ]
    dense, softmax = schema.FullyConnectedOptionsT(), schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operators = [
        _operator(0, [0, 1, -1], 2, schema.BuiltinOptions.FullyConnectedOptions, dense),
        _operator(1, [2], 3, schema.BuiltinOptions.SoftmaxOptions, softmax),
    ]
    empty, constant = schema.BufferT(), schema.BufferT()
    constant.data = np.frombuffer(np.ascontiguousarray(kernel).tobytes(), np.uint8)
    model = schema.ModelT()
    model.version, model.description = 3, "tiny"
    model.subgraphs, model.buffers = [graph], [empty, constant]
    model.operatorCodes = [_code(schema.BuiltinOperator.FULLY_CONNECTED), _code(schema.BuiltinOperator.SOFTMAX)]
    return write_tree(model)


def _tensor(name: str, shape: list[int], buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, shape, buffer, schema.TensorType.FLOAT32
    return tensor


def _operator(code: int, inputs: list[int], output: int, kind: int, options: Any) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, [output]
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator


def _code(operator: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = operator, operator, 1
    return code
