"""Signals stop a run: the first one in good order, a second one at once."""

from __future__ import annotations

import os
import selectors
import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Signals:
    """While it is entered, SIGINT, SIGTERM and SIGHUP are noted in ``caught`` and wake the selector."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self.caught: int | None = None

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._selector.register(self._read, selectors.EVENT_READ, self)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._before: dict[int, Any] = {number: signal.signal(number, self._catch) for number in numbers}
        return self

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.caught:
            os._exit(128 + number)  # the lifeline closes, and supervisors end their tasks
        self.caught = number

    def drain(self) -> None:
        """Takes what woke the selector."""
        os.read(self._read, 512)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._selector.unregister(self._read)
        os.close(self._read)
        os.close(self._write)
