"""A tiny model, in a step and as a program: ``python fit.py SEED``."""

from __future__ import annotations

import sys


def fit(seed: int) -> dict[str, float]:
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    x = np.random.default_rng(seed).normal(size=(64, 8)).astype("float32")
    layers = [keras.Input((8,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(optimizer="adam", loss="mse")
    history = model.fit(x, x.sum(axis=1), epochs=1, verbose=0)
    return {"loss": float(history.history["loss"][-1])}


if __name__ == "__main__":
    print(fit(int(sys.argv[1])))
