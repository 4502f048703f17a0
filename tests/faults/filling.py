"""F5: disks that are full."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Project
from ..storing.test_faults import leftovers, torn
from .fault import Fault, Result

MEGA = 1_000_000
KINDS = {
    "output": "page.path.write_bytes(b'x' * {size})",
    "workspace": "open('scratch', 'wb').write(b'x' * {size})\n    page.path.write_bytes(b'done')",
    "log": "import os\n    for _ in range({size} // 100_000): os.write(1, b'x' * 100_000)\n    page.path.write_bytes(b'done')",
}


@contextlib.contextmanager
def disk(place: Path, size: int) -> Iterator[None]:
    """Of ``size`` bytes."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    """Processes of a run that has ended may hold the disk for a moment longer: they end when its lifeline closes."""
    for _ in range(100):
        if not subprocess.run(["umount", str(place)], stderr=subprocess.DEVNULL, check=False).returncode:
            return
        time.sleep(0.1)
    raise AssertionError(f"somebody still uses {place}")


def fill(seed: int, rounds: int, folder: Path) -> Result:
    """The store lies on a disk of 4 or 16 MB, and an output, a scratch file or the log is larger. No chance in it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    result, cases = Result(), [(kind, size) for size in (4 * MEGA, 16 * MEGA) for kind in KINDS]
    for number in range(rounds):
        kind, size = cases[number % len(cases)]
        place = folder / f"round-{number}"
        place.mkdir()
        with disk(place / "small", size):
            with result.round(f"{kind} on {size // MEGA} MB"):
                _is_said_and_heals(Project(place), kind, size)
            result.naive(_naive_leaves_part(place / "small" / "page", size))
    return result


def _is_said_and_heals(project: Project, kind: str, size: int) -> None:
    code = f"def write(page):\n    {KINDS[kind].format(size=size + MEGA)}"
    project.step("write", code, outputs="{page: {type: file}}")
    flow = project.workflow("a: {uses: ./write}")
    small = project.folder / "small"
    full = project.call("run", flow, "--store", "small/store", code=None)
    assert full.returncode in (1, 4), f"exit code {full.returncode}: a full disk is no success"
    assert "No space left" in full.stderr, f"it is not said why: {full.stderr[-300:]}"
    assert not torn(small / "store"), "torn"
    subprocess.run(["mount", "-o", f"remount,size={8 * size}", str(small)], check=True)
    assert project.run(flow, "--store", "small/store")["by"]["a"]["status"] == "succeeded"
    assert not torn(small / "store") and not leftovers(small / "store"), "not healed"


def _naive_leaves_part(place: Path, size: int) -> bool:
    """The naive way: written under its final name."""
    with contextlib.suppress(OSError), place.open("wb") as file:
        for _ in range(9 * size // 100_000):
            file.write(b"x" * 100_000)
    return place.exists() and place.stat().st_size < 9 * size


FAULTS = [Fault("F5", "a disk that is full: for an output, the workspace, the log", fill, 6, 3)]
