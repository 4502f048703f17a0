"""From a float32 flatbuffer to its variants, with litert-quantizer. Runs in a child process."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import Any

import numpy as np

from lighterage.edge.errors import BundleError
from lighterage.edge.modelfile import Facts, read_facts
from lighterage.edge.runtime import Runtime
from lighterage.launching.child import Refused

CALIBRATED = {"int8": 8, "int16x8": 16}
"""variants whose activations are integers, and how many bits those have; they need calibration rows"""
KEPT_AS = {
    "float16": "FLOAT16",
    "dynamic_int8": "INT8",
    "weight_int8": "INT8",
    "int8": "INT8",
    "int16x8": "INT8",
    "int4": "INT4",
}
"""element type of a variant's kernels"""
BITS = {"FLOAT16": 16, "INT8": 8, "INT4": 4}


def make(variant: str, float32: bytes, rows: np.ndarray | None, kernel_values: int) -> tuple[bytes, dict[str, Any]]:
    """The variant's file, with its tensors and constants. Raises Refused where its arithmetic does not fit the model."""
    try:
        source = read_facts(float32)
        if variant == "float32":
            content = float32
        elif variant in CALIBRATED:
            content = _static(float32, source, CALIBRATED[variant], rows)
        else:
            content = _weights(float32, variant)
        facts = read_facts(content)
        check_quantized(facts, variant, kernel_values)
        runtime = Runtime(content)
    except BundleError as error:
        raise Refused(error.what) from None
    except ValueError as error:
        raise Refused(f"the quantizer refuses it: {error}") from None
    tensors = {"input": runtime.input.described(), "output": runtime.output.described()}
    return content, {"tensors": tensors, "constants": dict(sorted(facts.constants.items()))}


def check_quantized(facts: Facts, variant: str, kernel_values: int) -> None:
    """Raises Refused where nothing became smaller; says in the log when only some kernels did."""
    if variant == "float32":
        return
    kind = KEPT_AS[variant]
    held = facts.constants[kind] * 8 // BITS[kind]
    if not held:
        raise Refused(f"nothing in it was quantized: it has no {kind} constants")
    if held < kernel_values:
        print(
            f"{variant}: {held} of {kernel_values} values of kernels are {kind}, the others stay as they are",
            flush=True,
        )


def _weights(float32: bytes, variant: str) -> bytes:
    """Smaller weights; activations stay float32, or are quantized while it runs."""
    from litert_quantizer import algorithm_manager, qtyping, recipe_manager

    recipe, operators = recipe_manager.RecipeManager(), qtyping.TFLOperationName.ALL_SUPPORTED
    if variant == "float16":
        casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
        recipe.add_weight_only_config(".*", operators, num_bits=16, algorithm_key=casting)
    elif variant == "weight_int8":
        recipe.add_weight_only_config(".*", operators, num_bits=8)
    else:
        recipe.add_dynamic_config(".*", operators, num_bits=4 if variant == "int4" else 8)
    return _quantized(float32, recipe, None)


def _static(float32: bytes, source: Facts, bits: int, rows: np.ndarray | None) -> bytes:
    """int8 weights and integer activations, whose range is the least and largest value that any calibration row gave.

    The quantizer's own default is a moving average over the rows' extremes, which cuts off every row above
    the average: on motion models 0.96 to 0.97 of the answers stayed the same with it, 0.99 with true extremes.
    """
    if "WHILE" in source.operators:
        raise Refused(
            "it has a loop (WHILE, of a recurrent layer), whose activations cannot be calibrated; "
            "dynamic_int8, weight_int8 and float16 can be had"
        )
    assert rows is not None
    from litert_quantizer import calibrator, qtyping, recipe_manager
    from litert_quantizer.utils.qsv_utils import min_max_update

    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(".*", qtyping.TFLOperationName.ALL_SUPPORTED, activation_num_bits=bits, weight_num_bits=8)
    with _quiet():
        observer = calibrator.Calibrator(float32, num_threads=1, qsv_update_func=min_max_update)
        observer.calibrate({source.signature: [{source.inputs[0]: row[None]} for row in rows]}, recipe)
    return _quantized(float32, recipe, observer.get_model_qsvs())


def _quantized(float32: bytes, recipe: Any, ranges: dict[str, Any] | None) -> bytes:
    from litert_quantizer import quantizer

    with _quiet():
        return bytes(quantizer.Quantizer(float32, recipe.get_quantization_recipe()).quantize(ranges).quantized_model)


@contextlib.contextmanager
def _quiet() -> Any:
    """The quantizer prints progress bars, sizes of models that it takes for the user's, and warnings for its own authors."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.getLogger("absl").setLevel(logging.ERROR)
        yield
