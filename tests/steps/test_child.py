"""Processes that steps do dangerous work in: whatever becomes of one has a name."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from typing import Any

import pytest

from lighterage.launching.child import Crashed, Refused, run_in_child


def test_what_it_returns_and_what_it_refuses() -> None:
    assert run_in_child(divmod, 7, 3, timeout=60) == (2, 1)
    with pytest.raises(Refused, match="it has a loop"):
        run_in_child(_refuse, timeout=60)


def _refuse() -> None:
    raise Refused("it has a loop")


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (lambda: _segfault(), "was killed by SIGSEGV"),
        (lambda: os._exit(3), "ended with exit code 3"),
        (lambda: time.sleep(60), "took more than 0.5 s"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_endings_have_names(ending: Any, said: str) -> None:
    with pytest.raises(Crashed, match=said):
        run_in_child(ending, timeout=0.5 if "took" in said else 60)


def _segfault() -> None:
    faulthandler.disable()  # it would fill the terminal
    os.kill(os.getpid(), signal.SIGSEGV)
