"""Images for tests, made of this machine's own Python: nothing is asked of a registry or of a package index.

`base_image` holds a Python, what it is linked to, a shell and a few tools; `engine_image` also lighterage as it is in
this checkout. Both are made once and found by name afterwards, by all processes that test at one time. Where podman
cannot do this, the test that asked is skipped and says why.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

RECIPE = "2"
"""part of the base's name: to be raised with what goes into it"""
TOOLS = """
    sh basename cat chmod chown cp cut date dirname env false find grep gzip head id kill ln ls mkdir mktemp mv nproc
    readlink rm rmdir sed sleep sort tail tar tee test touch tr true uname wc
"""
LIBRARIES = "gcc_s stdc++ gomp c m rt dl pthread util resolv nss_dns nss_files"
"""what wheels expect: the compiler's own libraries and all those of C"""
NOT_NEEDED = {"test", "tests", "idlelib", "turtledemo", "lib2to3", "site-packages", "dist-packages"}
SOURCES = Path(__file__).parent.parent / "src/lighterage"


@cache
def base_image() -> str:
    """Name of a local image with python3 and a shell, and nothing of lighterage."""
    _check_podman()
    version = ".".join(map(str, sys.version_info[:3]))
    return _once(f"localhost/lighterage-test-base:{version}-{RECIPE}", _import_base)


@cache
def engine_image() -> str:
    """Name of a local image with lighterage as it is in this checkout, on the base."""
    base = base_image()
    total = hashlib.sha256(base.encode())
    for file in _sources():
        total.update(f"{file.relative_to(SOURCES)}\0".encode() + file.read_bytes())
    for one in _distributions():
        total.update(f"{one.name} {one.version}\n".encode())
    return _once(f"localhost/lighterage-test-engine:{total.hexdigest()[:16]}", lambda name: _build_engine(name, base))


def settings(folder: Path, *volumes: str) -> Path:
    """A `containers.conf` for $CONTAINERS_CONF. Its limits are low enough for machines that grant no higher ones;
    ``volumes`` are mounted in every container."""
    file = folder / "containers.conf"
    quoted = ", ".join(f'"{one}:{one}"' for one in volumes)
    file.write_text(
        f'[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=10000:10000"]\nvolumes = [{quoted}]\n'
    )
    return file


def podman(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Calls podman, whatever its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"CONTAINERS_CONF": str(settings(Path(folder))), **os.environ}
        command = ["podman", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **more)  # type: ignore[call-overload,no-any-return]


@cache
def _check_podman() -> None:
    """Skips, with the reason, where images cannot be made."""
    if not sys.platform.startswith("linux"):
        pytest.skip("images for tests are made of a Linux machine's own files")
    if shutil.which("podman") is None:
        pytest.skip("podman is not on the PATH")
    told = podman("info", "--format={{.Store.GraphDriverName}}")
    if told.returncode:
        pytest.skip(f"podman cannot work here: {told.stderr.strip().splitlines()[-1]}")


def _once(name: str, make: Callable[[str], None]) -> str:
    """Makes the image unless it is there; processes wait for each other. Skips where a container of it cannot run."""
    with _alone():
        if podman("image", "exists", name).returncode:
            make(name)
    ran = podman("run", "--rm", "--network=none", name, "python3", "-c", "print(42)")
    if ran.stdout != "42\n":
        pytest.skip(f"podman cannot run containers here: {ran.stderr.strip()[-300:]}")
    return name


@contextmanager
def _alone() -> Iterator[None]:
    with open(Path(tempfile.gettempdir(), f"lighterage-test-images-{os.getuid()}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- the base ---


def _import_base(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "base.tar")
        with tarfile.open(archive, "w") as tar:
            _Root(tar).fill()
        path = f"ENV PATH={Path(_python()).parent}:/usr/local/bin:/usr/bin:/bin"
        made = podman("import", "--change", path, "--change", 'CMD ["python3"]', str(archive), name)
    assert made.returncode == 0, made.stderr


def _python() -> str:
    """The interpreter itself, not that of a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


class _Root:
    """A root file system in the making. Files lie where they lie on this machine and belong to root."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.there = {"/"}

    def fill(self) -> None:
        for folder in ("/bin", "/sbin", "/lib", "/lib64"):
            if Path(folder).is_symlink():
                self._member(folder, tarfile.SYMTYPE, str(Path(folder).readlink()))
        for folder in ("/usr/bin", "/usr/local/bin", "/etc", "/dev", "/proc", "/sys", "/run", "/var/tmp"):
            self._folder(folder)
        self._member("/tmp", tarfile.DIRTYPE, mode=0o1777)
        self._text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self._text("/etc/group", "root:x:0:\n")
        python, stdlib = _python(), self._standard_library()
        programs = [python, *stdlib, *filter(None, map(shutil.which, TOOLS.split()))]
        for file in programs:
            self._file(file)
        self._member(f"{Path(python).parent}/python3", tarfile.SYMTYPE, Path(python).name)
        wanted = [
            str(place) for one in LIBRARIES.split() for place in Path("/usr/lib").glob(f"*-linux-gnu/lib{one}.so.?")
        ]
        for library in {*wanted, *self._linked([one for one in programs if os.access(one, os.X_OK) or ".so" in one])}:
            self._file(library)

    def _standard_library(self) -> list[str]:
        base = {"base": sys.base_prefix, "installed_base": sys.base_prefix, "platbase": sys.base_prefix}
        found = []
        for root in {sysconfig.get_path(one, vars=base) for one in ("stdlib", "platstdlib")}:
            for folder, folders, files in os.walk(root):
                folders[:] = [one for one in folders if one not in NOT_NEEDED and not one.startswith("config-")]
                found += [f"{folder}/{one}" for one in files]
        return found

    def _linked(self, programs: list[str]) -> list[str]:
        """Shared libraries that programs and other libraries are linked to, and the loader."""
        told = subprocess.run(["ldd", *programs], capture_output=True, text=True).stdout
        return re.findall(r"(?:^|\s)(/\S+\.so[^\s:]*) \(0x", told)

    def _file(self, path: str) -> None:
        place = str(Path(path).parent.resolve() / Path(path).name)
        if place in self.there:
            return
        self._folder(str(Path(place).parent))
        with open(path, "rb") as file:
            info = tarfile.TarInfo(place.lstrip("/"))
            facts = os.fstat(file.fileno())
            info.size, info.mode, info.mtime = facts.st_size, facts.st_mode & 0o755 | 0o644, int(facts.st_mtime)
            self.tar.addfile(info, file)
        self.there.add(place)

    def _folder(self, path: str) -> None:
        if path not in self.there:
            self._folder(str(Path(path).parent))
            self._member(path, tarfile.DIRTYPE)

    def _member(self, path: str, kind: bytes, link: str = "", mode: int = 0o755) -> None:
        if path not in self.there:
            info = tarfile.TarInfo(path.lstrip("/"))
            info.type, info.linkname, info.mode = kind, link, mode
            self.tar.addfile(info)
            self.there.add(path)

    def _text(self, path: str, text: str) -> None:
        info = tarfile.TarInfo(path.lstrip("/"))
        info.size, info.mode = len(text), 0o644
        self.tar.addfile(info, io.BytesIO(text.encode()))


# --- the engine ---


def _build_engine(name: str, base: str) -> None:
    with tempfile.TemporaryDirectory() as context:
        libraries = Path(context, "engine")
        for one in _distributions():
            for file in one.files or ():
                if file.parts[0] != ".." and "__pycache__" not in file.parts and file.suffix != ".pth":
                    _copy(Path(str(file.locate())), libraries / file)
        for source in _sources():
            _copy(source, libraries / "lighterage" / source.relative_to(SOURCES))
        compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(libraries)]
        subprocess.run(compiling, check=True, timeout=300)
        Path(context, "Containerfile").write_text(f"FROM {base}\nCOPY engine /engine\nENV PYTHONPATH=/engine\n")
        made = podman("build", "--pull=never", f"--tag={name}", context)
    assert made.returncode == 0, made.stderr


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, place)


@cache
def _sources() -> list[Path]:
    """The files of the package; its links to folders beside it are followed."""
    walked = os.walk(SOURCES, followlinks=True)
    files = (Path(folder, one) for folder, _, names in walked if not folder.endswith("__pycache__") for one in names)
    return sorted(files)


@cache
def _distributions() -> list[importlib.metadata.Distribution]:
    """lighterage and what it needs to run a task. Only compiling for Argo needs hera, and what comes with it."""
    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = ["lighterage"]
    while wanted:
        name = wanted.pop()
        if name in found or name == "hera":
            continue
        found[name] = importlib.metadata.distribution(name)
        for requirement in found[name].requires or ():
            if ";" not in requirement:
                wanted.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    return [found[name] for name in sorted(found)]
