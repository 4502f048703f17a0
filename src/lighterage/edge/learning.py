"""A model that goes on learning on the device, from rows that never leave it: `edge/learn` makes it.

    learner = Learner.load("learner")
    learner.train(rows, labels, epochs=5)          # raw rows, names of classes
    learner.save("mine.npz")                       # the weights that changed; learner.restore("mine.npz") brings them back

One file holds four signatures: infer, train, get, put. They need no TensorFlow: built-in operators and variables are all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .bundle import Prediction, check_answers, check_rows, prediction
from .content import checked, open_content
from .errors import BundleError, InputError, no_runtime
from .learner import MAKE_AGAIN, Weights, check_learner, read_about, read_golden, read_weights
from .packing import stable_arrays
from .preprocessing import read_operations

SIGNATURES = {"infer", "train", "get", "put"}
TOLERANCE = 1e-4
"""of golden outputs, before and after a step of learning: kernels add in another order"""


class Learner:
    """A model, what it takes, and weights that change. `Learner.load` makes one. Not for several threads at once."""

    def __init__(self, about: dict[str, Any], model: bytes, golden: bytes, threads: int) -> None:
        self.about = about
        self.labels: list[str] = about["classes"]
        self.shape: tuple[int, ...] = tuple(about["input"]["shape"])
        self.batch: int = about["learner"]["batch"]
        self.digest: str = about["files"]["model.tflite"]["digest"]
        self._operations = read_operations(about["preprocessing"], self.shape)
        self._model, self._golden, self._threads = model, golden, threads
        self._start()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int = 1) -> Learner:
        """From the folder that `edge/learn` wrote, or a zip of its files, every digest checked. Raises BundleError."""
        read = open_content(Path(path))
        about = read_about(read("model.json"))
        files = {name: checked(read, name, one["digest"], one["size"]) for name, one in about["files"].items()}
        check_learner(files["model.tflite"])
        return cls(about, files["model.tflite"], files["golden.npz"], threads)

    def predict(self, rows: Any, *, done: int = 0) -> list[Prediction]:
        """An answer for each of ``(rows, *shape)``: raw features in. ``done`` operations of the preprocessing were applied.

        Raises InputError for other rows, BundleError for answers that are no finite numbers.
        """
        answers = check_answers(self._infer(self.prepare(rows, done=done)), "the learner")
        return [prediction(at, outputs, self.labels) for at, outputs in enumerate(answers)]

    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Raw rows as the model takes them, float32. Raises InputError."""
        values = check_rows(rows, self.shape, None)
        for operation in self._operations[done:]:
            values = operation.apply(values)
        return values.astype(np.float32)

    def train(
        self,
        rows: Any,
        labels: Any,
        *,
        epochs: int = 1,
        rate: float | None = None,
        batch: int | None = None,
        seed: int = 0,
        done: int = 0,
    ) -> list[float]:
        """Steps of gradient descent over raw rows and their labels (names of classes, or their numbers): the loss of each epoch.

        ``rate``: by default that of the file. ``batch``: rows a step, at most those of the file. Raises InputError for what
        does not fit, and where the loss or a weight becomes infinite; then the weights are those of before.
        """
        values, classes = self.prepare(rows, done=done), self._classes(labels)
        rate = self.about["learner"]["rate"] if rate is None else rate
        batch = self.batch if batch is None else batch
        if len(values) != len(classes) or not len(values):
            raise InputError(
                f"{len(values)} rows and {len(classes)} labels: as many labels as rows are needed, and one at least"
            )
        if not 1 <= batch <= self.batch or epochs < 1 or not 0 < rate < np.inf:
            raise InputError(f"a batch of 1 to {self.batch}, an epoch at least and a rate above 0 are needed")
        before = self.weights()
        random = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            losses.append(self._epoch(values, classes, random.permutation(len(values)), batch, rate))
            if not np.isfinite(losses[-1]) or not all(np.isfinite(one).all() for one in self.weights().values()):
                self.set_weights(before)
                raise InputError(
                    f"learning went to infinity at the rate {rate:g}; the weights are those of before: take a lower one"
                )
        return losses

    def weights(self) -> Weights:
        """Those that learn, float32, copies."""
        return {name: np.array(array) for name, array in sorted(self._get().items())}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Raises InputError for other names, shapes or types, and for values that are not finite; then nothing has changed."""
        wanted = {name: one["shape"] for name, one in self._put.get_input_details().items()}
        if weights.keys() != wanted.keys():
            raise InputError(
                f"weights named {', '.join(sorted(wanted))} are needed, not {', '.join(sorted(weights)) or 'none'}"
            )
        given = {name: np.asarray(array) for name, array in weights.items()}
        for name, array in given.items():
            if array.shape != tuple(wanted[name]) or array.dtype != np.float32:
                raise InputError(
                    f"{name} has the shape {tuple(wanted[name])} of float32, not {array.shape} of {array.dtype}"
                )
            if not np.isfinite(array).all():
                raise InputError(f"{name} holds values that are NaN or infinite")
        self._put(**given)

    def save(self, path: str | os.PathLike[str]) -> None:
        """The weights as an `.npz`, in one move; its bytes depend on nothing but them. It is for this model file alone."""
        content = stable_arrays({**self.weights(), "model": np.array([self.digest])})
        place = Path(path)
        partial = place.with_name(place.name + ".part")
        partial.write_bytes(content)
        partial.replace(place)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Brings saved weights back. Raises InputError for a file that is none, or of another model; no pickle is loaded."""
        arrays = read_weights(Path(path))
        model = arrays.pop("model", np.array([""]))
        if model.dtype.kind != "U" or model.tolist() != [self.digest]:
            raise InputError(f"{path} holds the weights of another model; train this one")
        self.set_weights(arrays)

    def verify(self) -> None:
        """Runs the golden rows, learns one batch of them and looks again; what was learnt before stays. Raises BundleError.

        The golden outputs are those of the weights in the file, so this is done with a model of its own.
        """
        golden = read_golden(self._golden)
        fresh = Learner(self.about, self._model, self._golden, self._threads)
        _compare(fresh._infer(golden["inputs"]), golden["outputs"], "before learning")
        count = len(golden["inputs"])
        fresh._step(
            golden["inputs"], golden["labels"], np.arange(min(count, self.batch)), self.about["learner"]["rate"]
        )
        _compare(fresh._infer(golden["inputs"]), golden["learnt"], "after a step of learning")

    def _start(self) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise no_runtime(error) from None
        try:
            self._interpreter = Interpreter(model_content=self._model, num_threads=self._threads)
            found = set(self._interpreter.get_signature_list())
            if found != SIGNATURES:
                raise ValueError(f"it has the signatures {sorted(found)}")
            self._one, self._train, self._get, self._put = map(
                self._interpreter.get_signature_runner, ("infer", "train", "get", "put")
            )
            self._get()  # the first call gives variables their values
        except (RuntimeError, ValueError, MemoryError) as error:
            raise BundleError("unfit-model", f"the runtime refuses the learner: {error}", MAKE_AGAIN) from None

    def _infer(self, values: np.ndarray) -> np.ndarray:
        answers = [self._one(rows=value[None])["scores"][0] for value in values]
        return np.array(answers, np.float32).reshape(len(values), len(self.labels))

    def _epoch(self, values: np.ndarray, classes: np.ndarray, order: np.ndarray, batch: int, rate: float) -> float:
        parts = [order[start : start + batch] for start in range(0, len(order), batch)]
        return sum(self._step(values, classes, part, rate) * len(part) for part in parts) / len(order)

    def _step(self, values: np.ndarray, classes: np.ndarray, part: np.ndarray, rate: float) -> float:
        """The batch of the file, whose last rows are of no importance where ``part`` is shorter."""
        rows, labels = np.zeros((self.batch, *self.shape), np.float32), np.zeros(self.batch, np.int32)
        importance = np.zeros(self.batch, np.float32)
        rows[: len(part)], labels[: len(part)], importance[: len(part)] = values[part], classes[part], 1
        return float(self._train(rows=rows, labels=labels, importance=importance, rate=np.float32(rate))["loss"])

    def _classes(self, labels: Any) -> np.ndarray:
        """Numbers of classes. Raises InputError with the first label that is none."""
        given = np.asarray(labels)
        if given.ndim != 1 or given.dtype.kind not in "iuU":
            raise InputError(
                f"labels are names of classes or their numbers, one a row, not {given.dtype} of shape {given.shape}"
            )
        known = self.labels if given.dtype.kind == "U" else range(len(self.labels))
        places = {value: number for number, value in enumerate(known)}
        unknown = [value for value in given.tolist() if value not in places]
        if unknown:
            raise InputError(f"{unknown[0]!r} is no class; there are: {', '.join(map(str, known))}")
        return np.array([places[value] for value in given.tolist()], np.int32)


def average(parts: Sequence[tuple[Mapping[str, np.ndarray], int]]) -> Weights:
    """One set of weights of those of several learners, each with the rows it learned from: federated averaging.

    Raises InputError where names or shapes differ, or there are no rows.
    """
    total = sum(rows for _, rows in parts)
    if not parts or total < 1 or any(rows < 0 for _, rows in parts):
        raise InputError("weights with the number of rows behind them are needed, and a row at least")
    first = parts[0][0]
    for weights, _ in parts:
        if weights.keys() != first.keys() or any(weights[name].shape != first[name].shape for name in first):
            raise InputError("weights of one model are needed: their names or shapes differ")
    means = {name: sum(weights[name].astype(np.float64) * rows for weights, rows in parts) / total for name in first}
    return {name: np.asarray(mean, np.float32) for name, mean in means.items()}


def _compare(found: np.ndarray, golden: np.ndarray, when: str) -> None:
    difference = float(np.abs(found - golden).max()) if found.shape == golden.shape else float("inf")
    if not difference <= TOLERANCE:
        what = f"golden outputs {when} differ by {difference:g}, {TOLERANCE:g} is allowed"
        raise BundleError("failed-verification", what, "do not learn with it on this machine")
