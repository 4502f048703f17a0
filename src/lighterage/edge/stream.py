"""Windows over a sensor's samples as they come: the answer leaves, the samples do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .errors import InputError

if TYPE_CHECKING:
    from .bundle import Bundle, Prediction

GAP = 1.5
"""times the usual step: a longer one ends a recording, as it does where `features/window` cuts training data"""


class Stream:
    """Takes samples and gives a prediction for each whole window.

    It holds less than a window of samples between calls, in memory alone, and hands out nothing but predictions.
    """

    def __init__(self, bundle: Bundle, *, hop: int | None = None, rate_hz: float | None = None, done: int = 0) -> None:
        """``hop``: samples from one window to the next; the bundle's own by default. ``rate_hz``: what the sensor gives.

        Raises InputError for a bundle without windows, a hop below 1, and another rate than the bundle's.
        """
        if bundle.window is None:
            raise InputError("this bundle takes single rows, not a sensor's samples; use predict()")
        self.size, self.channels = bundle.window.size, bundle.window.channels
        self.hop = bundle.window.stride if hop is None else hop
        if self.hop < 1:
            raise InputError(f"the hop is at least 1 sample, not {hop}")
        self.rate_hz = bundle.window.rate_hz or bundle.rate_hz
        if rate_hz is not None and self.rate_hz is not None and abs(rate_hz - self.rate_hz) > 0.01 * self.rate_hz:
            raise InputError(
                f"the model learned from {self.rate_hz:g} Hz, the sensor gives {rate_hz:g}: resample first"
            )
        self._bundle, self._done = bundle, done
        self._count = 0
        self.reset()

    def reset(self) -> None:
        """Forgets the samples it holds: the next window starts with the next sample. Counting goes on."""
        self._held = np.empty((0, len(self.channels)))
        self._skip = 0
        self._first = self._count
        self._time: float | None = None

    def feed(self, samples: Any, times: Any = None) -> list[Prediction]:
        """Samples ``(samples, channels)`` in the order of ``channels``, or one ``(channels,)``; predictions that are due.

        With ``times`` in seconds no window spans a gap. Raises InputError for another shape and values not finite; then
        nothing was taken.
        """
        values = np.asarray(samples)
        values = values[None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != len(self.channels):
            raise InputError(
                f"samples have the channels {', '.join(self.channels)}, so (samples, {len(self.channels)}), not {values.shape}"
            )
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise InputError("the samples hold text, or values that are empty, NaN or infinite")
        predictions: list[Prediction] = []
        for piece, follows in self._pieces(values, times):
            if not follows:
                self.reset()
            predictions += self._take(piece)
        return predictions

    def _pieces(self, values: np.ndarray, times: Any) -> Iterator[tuple[np.ndarray, bool]]:
        """The samples, divided at gaps, and whether they follow what came before."""
        if times is None:
            yield values, True
            return
        if self.rate_hz is None:
            raise InputError("the bundle says no rate, so what a gap is cannot be told: leave times out")
        clock = np.atleast_1d(np.asarray(times, np.float64))
        if clock.shape != (len(values),) or not np.isfinite(clock).all():
            raise InputError(f"{len(values)} samples need as many finite times, not {clock.shape}")
        passed = np.diff(clock, prepend=clock[0] if self._time is None else self._time)
        gaps = np.flatnonzero((passed > GAP / self.rate_hz) | (passed < 0)).tolist()
        for start, end in zip([0, *gaps], [*gaps, len(values)], strict=True):
            if end > start:
                yield values[start:end], start not in gaps
        if len(clock):
            self._time = float(clock[-1])

    def _take(self, samples: np.ndarray) -> list[Prediction]:
        self._count += len(samples)
        held = np.concatenate([self._held, samples])
        dropped = min(self._skip, len(held))  # a hop beyond the window leaves samples out
        held, self._skip = held[dropped:], self._skip - dropped
        first = self._first + dropped
        windows = max(0, (len(held) - self.size) // self.hop + 1)
        passed = min(windows * self.hop, len(held))
        self._held, self._first = held[passed:].copy(), first + passed
        self._skip += windows * self.hop - passed
        if not windows:
            return []
        cut = sliding_window_view(held, self.size, axis=0)[:: self.hop][:windows].swapaxes(1, 2)
        predictions = self._bundle.predict(cut, done=self._done)
        return [replace(one, at=first + one.at * self.hop) for one in predictions]
