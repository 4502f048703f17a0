"""What is held while a model trains on: zeros, or few different values, in each kernel."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import numpy as np

from lighterage.schemas import BadInput

Hold = Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""From a kernel as it is at the start to what makes any later state of it fit."""
SLACK = 0.02
"""by how much less than asked for may be zero: each kernel rounds down"""
ROUNDS = 1000
"""of k-means at most"""


def pruned(sparsity: float) -> Hold:
    """The smallest weights of each kernel, by their magnitude at the start, stay 0."""

    def hold(kernel: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        kept = np.ones(kernel.size, kernel.dtype)
        kept[np.argsort(np.abs(kernel), axis=None, kind="stable")[: int(sparsity * kernel.size)]] = 0
        mask = kept.reshape(kernel.shape)
        return lambda state: state * mask

    return hold


def clustered(count: int) -> Hold:
    """Weights that are neighbours at the start stay equal: each is the mean of its cluster."""

    def hold(kernel: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        place = nearest(kernel.ravel().astype(np.float64), count)
        sizes = np.maximum(np.bincount(place, minlength=count), 1)

        def mean(state: np.ndarray) -> np.ndarray:
            centres = np.bincount(place, state.ravel(), minlength=count) / sizes
            return centres[place].reshape(state.shape).astype(state.dtype)

        return mean

    return hold


def nearest(values: np.ndarray, count: int) -> np.ndarray:
    """k-means on a line, where clusters are intervals: the number of each value's cluster."""
    centres = np.quantile(values, (np.arange(count) + 0.5) / count)
    place = np.full(len(values), -1)
    for _ in range(ROUNDS):
        moved = np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
        sizes = np.bincount(moved, minlength=count)
        distance = np.abs(values - centres[moved])
        if not sizes.all() and distance.max() > 0:  # a cluster that nobody is in starts again where it is needed most
            centres[sizes.argmin()] = values[distance.argmax()]
            centres.sort()
            continue
        if (moved == place).all():
            break
        place = moved
        sums = np.bincount(place, values, minlength=count)
        centres = np.divide(sums, sizes, out=centres.copy(), where=sizes > 0)
    return moved


def kernels(network: Any) -> list[Any]:
    """Trained weights with two dimensions and more; biases are few and stay as they are."""
    return [weight for weight in network.trainable_weights if len(weight.shape) > 1]


def figures(network: Any) -> dict[str, Any]:
    """Share of zeros, most different values of a kernel, and bytes of all weights after gzip."""
    arrays = [kernel.numpy() for kernel in kernels(network)]
    total = sum(array.size for array in arrays)
    weights = b"".join(np.ascontiguousarray(weight).tobytes() for weight in network.get_weights())
    return {
        "sparsity": sum(int((array == 0).sum()) for array in arrays) / max(total, 1),
        "distinct_values": max((len(np.unique(array)) for array in arrays), default=0),
        "weights_bytes": len(weights),
        "weights_gzip": len(gzip.compress(weights, 9, mtime=0)),
    }


def check_held(after: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raises BadInput where the finished model is not what was asked for, however well it answers."""
    if "sparsity" in asked and after["sparsity"] < asked["sparsity"] - SLACK:
        raise BadInput(
            f"the sparsity is {after['sparsity']:.3f}, not {asked['sparsity']:g}: its kernels are too small, or were not held"
        )
    if "clusters" in asked and after["distinct_values"] > asked["clusters"]:
        raise BadInput(f"a kernel has {after['distinct_values']} different values, not at most {asked['clusters']}")
