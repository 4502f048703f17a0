"""From a float32 flatbuffer to int8 variants, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lighterage.launching.columns import Columns

from lighterage.launching.child import Refused
from .flatbuffer import read_facts


def quantize(variant: str, float32: Path, calibration: np.ndarray, file: Path) -> None:
    """Writes the variant's file. Raises Refused where its kind of arithmetic does not fit the model."""
    if variant == "float32":
        file.write_bytes(float32.read_bytes())
        return
    facts = read_facts(float32.read_bytes())
    if variant == "dynamic_int8":
        content = _dynamic_int8(float32)
    elif "WHILE" in facts.operators:
        raise Refused("it has a loop (WHILE, of a recurrent layer), which only dynamic_int8 can quantize")
    else:
        content = _int8(float32, {facts.signature: [{facts.input_name: row[None]} for row in calibration]})
    file.write_bytes(content)


def _dynamic_int8(float32: Path) -> bytes:
    """int8 weights; activations are quantized while it runs."""
    from litert_quantizer import quantizer, recipe

    return bytes(quantizer.Quantizer(str(float32), recipe.dynamic_wi8_afp32()).quantize().quantized_model)


def _int8(float32: Path, rows: dict[str, list[dict[str, np.ndarray]]]) -> bytes:
    """int8 weights and activations, activations by the least and largest value that any calibration row gave.

    The quantizer's own default is a moving average over the rows' extremes, which cuts off every row above
    the average: on motion models 0.96 to 0.97 of the answers stayed the same with it, 0.99 with true extremes.
    """
    from litert_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from litert_quantizer.utils.qsv_utils import min_max_update

    recipe = recipe_manager.RecipeManager()
    operators = qtyping.TFLOperationName.ALL_SUPPORTED
    recipe.add_static_config(".*", operators, activation_num_bits=8, weight_num_bits=8)
    observer = calibrator.Calibrator(str(float32), num_threads=1, qsv_update_func=min_max_update)
    observer.calibrate(rows, recipe)
    work = quantizer.Quantizer(str(float32), recipe.get_quantization_recipe())
    return bytes(work.quantize(observer.get_model_qsvs()).quantized_model)


def pick_calibration(columns: Columns, inputs: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Some rows, of every class equally many as far as there are any, in random order."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(inputs))
    if columns.classes:
        labels = columns.label()[order]
        turn = np.zeros(len(order), dtype=np.int64)  # a row's place among those of its class
        for code in np.unique(labels):
            turn[labels == code] = np.arange((labels == code).sum())
        order = order[np.argsort(turn, kind="stable")]
    return inputs[order[:wanted]]
