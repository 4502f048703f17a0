"""The examples run as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .forging import inside

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.tensorflow


def loop(bundle: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "sensor_loop.py"), str(bundle), "--speed", "0", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_sensor_loop_tells_motions(bundles: dict[str, Path]) -> None:
    done = loop(bundles["motion-float32"], "--recording", "3")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    labels = inside(bundles["motion-float32"], "labels.txt").decode().split()
    assert lines and all(unit == "s" and label in labels and float(score) > 0.6 for _, unit, label, score in lines)


def test_the_sensor_loop_does_not_start_with_a_damaged_bundle(copied: Path) -> None:
    (copied / "model.tflite").write_bytes(b"")
    done = loop(copied)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("damaged-file: model.tflite has 0 bytes")


def test_examples_stay_short() -> None:
    for file in EXAMPLES.glob("*.py"):
        assert len(file.read_text().splitlines()) < 70, file
