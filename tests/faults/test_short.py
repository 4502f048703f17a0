"""A few rounds of every fault: none of ours goes wrong, and the naive way does. The long form is `make faults`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from . import all_faults
from .fault import Fault

NEEDS_CHANCE = {"F1", "F4", "F6b", "F7"}
"""where few rounds may spare the naive way"""


@pytest.mark.faults
@pytest.mark.parametrize("fault", list(all_faults()), ids=lambda fault: fault.id)
def test_nothing_is_lost(fault: Fault, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"repeat with: python -m tests.faults --only {fault.id} --seed {seed} --short")
    result = fault.run(seed, fault.short, tmp_path)
    assert not result.violations, "\n".join(result.violations)
    assert result.rounds
    if fault.id not in NEEDS_CHANCE:
        assert result.control is None or result.control, "the naive way came off well: this test shows nothing"
