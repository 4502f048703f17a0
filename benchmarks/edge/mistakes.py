"""Models that must be stopped, as the tests of the edge stage make them: a row for each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from .gates import Row
from .measuring import ROOT

TESTS = "tests/steps/edge/test_negative.py"
CONTROL = "[True]"
"""ends the name of a test that shows the opposite: the same features, standardized, are not stopped"""


def rows() -> Iterator[Row]:
    """Runs the tests and tells of each whether the mistake was stopped with the right reason."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", TESTS, f"--junitxml={report}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if not report.exists():
            print(done.stdout[-4000:], done.stderr[-4000:], file=sys.stderr)
            yield Row(TESTS, "did not run", "stopped", False)
            return
        cases = list(ElementTree.parse(report).iter("testcase"))
    for case in cases:
        name = case.get("name", "").removeprefix("test_").replace("_", " ").replace("[", " [").removesuffix(" [False]")
        if name.endswith(CONTROL):
            continue
        kinds = {child.tag for child in case}
        skipped, failed = "skipped" in kinds, bool(kinds & {"failure", "error"})
        told = "skipped" if skipped else "not stopped" if failed else "stopped"
        yield Row(name, told, "stopped", None if skipped else not failed)
