"""F12 and F13: machines that lack what others have, and stores of other versions."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..conftest import ADD, Project
from .fault import Fault, Result


def lack(seed: int, rounds: int, folder: Path) -> Result:
    """No HOME, no place for temporary files, an odd umask, another user, a folder that cannot be written: it works, or
    says why. No chance in it."""
    result = Result()
    cases = (_without_home, _without_tmp, _with_umask, _read_only, _as_nobody)
    for number in range(rounds):
        case = cases[number % len(cases)]
        place = folder / f"round-{number}"
        place.mkdir()
        project = Project(place)
        project.write(ADD)
        project.workflow("a: {uses: ./add, with: {value: 1}}")
        with result.round(case.__name__.strip("_").replace("_", " ")):
            case(project)
    return result


def _run(
    project: Project, environment: dict[str, str], before: str = "", *more: str
) -> subprocess.CompletedProcess[str]:
    code = f"import os, sys\n{before}\nfrom lighterage.cli import main\nsys.argv = ['lighterage', 'run', 'flow.yaml', *sys.argv[1:]]\nmain()"
    return subprocess.run(
        [sys.executable, "-c", code, *more],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _works(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]}"


def _without_home(project: Project) -> None:
    _works(_run(project, {"PATH": os.environ["PATH"]}))


def _without_tmp(project: Project) -> None:
    _works(_run(project, {**os.environ, "TMPDIR": "/nowhere", "TEMP": "/nowhere", "TMP": "/nowhere"}))


def _with_umask(project: Project) -> None:
    _works(_run(project, dict(os.environ), "os.umask(0o077)"))
    assert project.run("flow.yaml")["tasks"][0]["cached"]


def _read_only(project: Project) -> None:
    if os.geteuid() != 0:
        project.folder.chmod(0o555)
    else:
        place = str(project.folder)
        mounted = subprocess.run(["mount", "--bind", place, place], capture_output=True, check=False)
        if mounted.returncode:
            return
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
    try:
        done = _run(project, dict(os.environ))
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(project.folder)], check=True)
        else:
            project.folder.chmod(0o755)
    assert done.returncode == 4 and "Traceback" not in done.stderr, f"exit code {done.returncode}: {done.stderr[-300:]}"
    assert str(project.folder) in done.stderr, f"the place is not named: {done.stderr}"


def _as_nobody(project: Project) -> None:
    """The libraries may lie where only root can look, so that they are loaded first."""
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory() as folder:  # of its own: nobody may enter those of the tests
        theirs = Project(Path(folder))
        theirs.write({"flow.yaml": (project.folder / "flow.yaml").read_text()})
        for place in (theirs.folder, *theirs.folder.rglob("*")):
            os.chown(place, 65534, 65534)
        _works(_stored_as_nobody(theirs))


def _stored_as_nobody(project: Project) -> subprocess.CompletedProcess[str]:
    loaded = "import lighterage.cli.run, lighterage.targets.local.workers, lighterage.storing.local"
    code = f"{loaded}\nfrom lighterage.storing import open_store\nos.setgid(65534); os.setuid(65534)\n"
    return _run(
        project,
        {**os.environ, "HOME": "/nowhere"},
        f"{code}ref = open_store('s').put(__import__('pathlib').Path('flow.yaml'), 'file')\nassert open_store('s').verify(ref)\nsys.exit(0)",
    )


def another_version(seed: int, rounds: int, folder: Path) -> Result:
    """Whoever opens it is told, and nothing in it changes. No chance in it."""
    project, result = Project(folder), Result()
    project.write(ADD)
    flow = project.workflow("a: {uses: ./add, with: {value: 1}}")
    run = project.run(flow)["run"]
    store = folder / ".lighterage"
    commands = (("run", flow), ("runs",), ("show", run), ("cache", "verify"), ("cache", "gc"), ("logs", run, "a"))
    for number in range(rounds):
        for said in (b"lighterage/store/2", b"lighterage/store/0", b"", b"x" * 5000, b"\xff"):
            (store / "format").chmod(0o644)
            (store / "format").write_bytes(said)
            before = _state(store)
            command = commands[number % len(commands)]
            with result.round(f"{' '.join(command)} with format {said[:30]!r}"):
                done = project.call(*command, code=4)
                assert "format" in done.stderr or "not a store" in done.stderr, done.stderr
                assert _state(store) == before, "something was changed"
    return result


def _state(store: Path) -> list[tuple[str, int]]:
    return sorted((str(place), place.stat().st_mtime_ns) for place in store.rglob("*") if place.is_file())


FAULTS = [
    Fault("F12", "no HOME, no folder for temporary files, umask 077, read-only, another user", lack, 10, 5),
    Fault("F13", "a store of another version, or with an unreadable one", another_version, 6, 1),
]
