"""What a program has in hand: load, feed, run, fetch, predict. `single.py` and `chain.py` do it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BundleError, InputError
from .manifest import Target, Tensor
from .preprocessing import Window
from .runtime import Kernels

if TYPE_CHECKING:
    from .stream import Stream
    from .verifying import Verdict


@dataclass(frozen=True)
class Prediction:
    """An answer."""

    at: int
    """the row; in a stream the number of the window's first sample"""
    label: str | None
    """name of the class with the highest score; None for a quantity"""
    score: float
    """score of that class; the quantity itself"""
    outputs: np.ndarray = field(repr=False, compare=False)
    """all outputs ``(outputs,)``, float32, classes in the order of the ``labels`` of the model that answered"""
    stage: str | None = None
    """the stage of a chain that answered"""


class Bundle(ABC):
    """A model, or a chain of models, with labels, preprocessing and proofs. `load` makes one. Not for several threads at once."""

    name: str
    task: str
    """classification or regression"""
    labels: list[str]
    """what an answer may be: names of the outputs, in order; none for a quantity"""
    features: list[str]
    rate_hz: float | None
    preprocessing: list[dict[str, Any]]
    """what is done to raw rows, as data"""
    target: Target
    threads: int

    @staticmethod
    def load(
        path: str | os.PathLike[str], *, threads: int = 1, kernels: Kernels = "default", target: str | None = None
    ) -> Bundle:
        """From a zip or a folder, every digest checked. ``threads`` are for one call of a model; ``target`` is the
        profile that this device is one of: a bundle for another is refused.

        Raises BundleError: ``kind`` is its name, and the text says what to do.
        """
        from .loading import load

        return load(Path(path), threads, kernels, target)

    @property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]: ...

    @property
    @abstractmethod
    def outputs(self) -> tuple[Tensor, ...]: ...

    @property
    @abstractmethod
    def window(self) -> Window | None:
        """How sensor data is cut; None for a bundle that takes single rows."""

    @property
    @abstractmethod
    def kernels(self) -> str:
        """The kernel set at work: `XNNPACK`, `BUILTIN` or `BUILTIN_REF`."""

    @abstractmethod
    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Raw rows as `feed` takes them. ``done`` operations of the preprocessing were applied already.

        Raises InputError for another shape, for text, and for values that are not finite.
        """

    @abstractmethod
    def feed(self, values: Any) -> None:
        """One prepared row."""

    @abstractmethod
    def run(self) -> None:
        """Computes what was fed."""

    @abstractmethod
    def fetch(self) -> np.ndarray:
        """The outputs of the last `run`, ``(outputs,)``, float32."""

    @abstractmethod
    def predict(self, rows: Any, *, done: int = 0) -> list[Prediction]:
        """An answer for each of ``(rows, …)``: raw features in, preprocessing done here. See `prepare`.

        Raises BundleError for answers that are no finite numbers.
        """

    def stream(self, *, hop: int | None = None, rate_hz: float | None = None, done: int = 0) -> Stream:
        """Takes a sensor's samples as they come; see `Stream`."""
        from .stream import Stream

        return Stream(self, hop=hop, rate_hz=rate_hz, done=done)

    @abstractmethod
    def verify(self) -> Verdict:
        """Runs the golden inputs on the reference kernels and on the ones in use; see `Verdict`."""

    def describe(self) -> dict[str, Any]:
        """What there is to know, as data for JSON."""
        window = self.window
        return {
            "name": self.name,
            "task": self.task,
            "target": {"profile": self.target.profile, "checked": self.target.checked},
            "labels": self.labels,
            "features": window.channels if window else self.features,
            "rate_hz": self.rate_hz,
            "window": {"size": window.size, "hop": window.stride} if window else None,
            "preprocessing": [entry["op"] for entry in self.preprocessing],
            **self._of_its_models(),
            "kernels": self.kernels,
            "runtime": runtime_version(),
            "threads": self.threads,
        }

    @abstractmethod
    def _of_its_models(self) -> dict[str, Any]: ...


def check_rows(rows: Any, shape: tuple[int, ...], window: Window | None) -> np.ndarray:
    """The rows as an array ``(rows, *shape)``. Raises InputError for another shape, text, and what is not finite."""
    values = np.asarray(rows)
    if values.shape[1:] != shape or values.ndim == 0:
        hint = "; samples go to stream()" if window and values.ndim == 2 else ""
        raise InputError(
            f"rows of shape {shape} are needed, with a dimension for the rows before it, not {values.shape}{hint}"
        )
    if values.dtype.kind not in "biuf":
        raise InputError(f"the rows hold {values.dtype}, but numbers are needed")
    if not np.isfinite(values).all():
        raise InputError("the rows hold values that are empty, NaN or infinite")
    return values


def check_answers(answers: np.ndarray, whose: str = "the model") -> np.ndarray:
    """Raises BundleError for answers that are no finite numbers."""
    finite = np.isfinite(answers).all(axis=tuple(range(1, answers.ndim)))
    if len(bad := np.flatnonzero(~finite)):
        what = f"{whose} answers NaN or infinity for {len(bad)} of {len(answers)} rows, the first row {bad[0]}"
        raise BundleError("failed-run", what, "verify the bundle; if it is sound, look at that row")
    return answers


def prediction(at: int, outputs: np.ndarray, labels: list[str], stage: str | None = None) -> Prediction:
    """What one row's outputs say."""
    best = int(outputs.argmax()) if labels else 0
    return Prediction(at, labels[best] if labels else None, float(outputs.flat[best]), outputs, stage)


def runtime_version() -> str:
    # Here, because it is a quarter of the time that this library takes to import.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ai-edge-litert {version('ai-edge-litert')}"
    except PackageNotFoundError:  # vendored without its metadata
        return "ai-edge-litert"
