"""The wheel holds one import name and every file of the four folders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("workflows", "steps", "schemas", "environments")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_one_import_name(wheel: set[str]) -> None:
    top = {name.split("/")[0] for name in wheel}
    assert {name for name in top if not name.endswith(".dist-info")} == {"lighterage"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_ships(wheel: set[str], folder: str) -> None:
    files = [file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert files
    missing = [name for file in files if (name := f"lighterage/{file.relative_to(ROOT).as_posix()}") not in wheel]
    assert not missing


def test_pages_of_diagnostics_ship(wheel: set[str]) -> None:
    assert "lighterage/diagnostics/pages/L103.md" in wheel


def test_a_checkout_without_links_says_so_in_one_line(tmp_path: Path) -> None:
    """git writes a link as a small text file where links are switched off."""
    for file in (ROOT / "src" / "lighterage").rglob("*"):
        inside = file.relative_to(ROOT / "src")
        if not file.is_file() or "__pycache__" in inside.parts or inside.parts[1] in FOLDERS:
            continue
        (tmp_path / inside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / inside).write_bytes(file.read_bytes())
    for folder in FOLDERS:
        (tmp_path / "lighterage" / folder).write_text(f"../../{folder}")
    done = subprocess.run(
        [sys.executable, "-m", "lighterage", "validate", "x.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "without symbolic links" in done.stderr
    assert len(done.stderr.splitlines()) == 1
