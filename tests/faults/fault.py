"""A fault that is done many times over, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


@dataclass
class Result:
    """What a number of rounds showed."""

    rounds: int = 0
    violations: list[str] = field(default_factory=list)
    """each with the round, so that the seed leads back to it"""
    control: int | None = None
    """rounds in which the naive way went wrong; None where there is no such way"""
    of: int = 0
    """rounds of the naive way"""
    note: str = ""
    """what else was counted"""

    @contextlib.contextmanager
    def round(self, where: str) -> Iterator[None]:
        """Whatever is raised inside is a violation, an assertion's as well as a command's that hangs."""
        self.rounds += 1
        try:
            yield
        except Exception as error:
            self.violations.append(f"{where}: {type(error).__name__}: {error}")

    def naive(self, went_wrong: bool) -> None:
        self.control = (self.control or 0) + went_wrong
        self.of += 1


class Fault(NamedTuple):
    """``run`` takes a seed, a number of rounds and an empty folder; it skips by pytest.skip, with the reason."""

    id: str
    what: str
    run: Callable[[int, int, Path], Result]
    long: int
    """rounds of `make faults`"""
    short: int
    """rounds of every test run"""
