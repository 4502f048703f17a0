"""Which room may import which; and what a command must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "schemas": set(),
    "diagnostics": set(),
    "reading": {"diagnostics"},
    "catalog": {"reading", "diagnostics", "schemas"},
    "planning": {"catalog", "reading", "diagnostics", "schemas"},
    "storing": {"schemas"},
    "launching": {"storing", "schemas"},
    "edge": set(),
    "snippets": {"edge"},
    "imaging": {"launching", "catalog", "reading", "diagnostics", "schemas"},
    "recording": {"launching", "storing", "schemas"},
    "targets/local": {"launching", "storing", "schemas"},
    "targets/argo": {"launching", "storing", "diagnostics", "schemas"},
}


def _folder(room: str) -> Path:
    return ROOT / room if room == "schemas" else ROOT / "src" / "lighterage" / room


def _imported_rooms(file: Path, package: list[str]) -> set[str]:
    """Rooms that a module imports, `targets/local` for a target."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [".".join([*base, *([node.module] if node.module else [])])]
            names += [f"{names[0]}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "lighterage" and len(parts) > 1:
                room = "/".join(parts[1:3]) if parts[1] == "targets" else parts[1]
                if room in MAY_IMPORT or room in ("cli", "steps"):
                    rooms.add(room)
    return rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_only_what_the_table_allows(room: str) -> None:
    files = sorted(_folder(room).rglob("*.py"))
    assert files
    for file in files:
        inside = file.relative_to(_folder(room)).parts[:-1]
        package = ["lighterage", *room.split("/"), *inside]
        extra = _imported_rooms(file, package) - MAY_IMPORT[room] - {room}
        assert not extra, f"{file.relative_to(ROOT)} imports {extra}"


HEAVY = ("tensorflow", "keras", "hera", "numpy", "fsspec", "gcsfs", "s3fs", "pyarrow", "pandas", "rich", "sklearn")


@pytest.mark.parametrize(
    "command", [["--help"], ["validate", "workflows/digits.yaml"], ["plan", "workflows/motion.yaml"]]
)
def test_light_commands_load_no_heavy_library(command: list[str], tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "store")] if command[0] == "plan" else []
    program = (
        "import sys, lighterage.cli\n"
        "try: lighterage.cli.main()\n"
        f"finally: print('LOADED', *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command, *store], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "LOADED"
