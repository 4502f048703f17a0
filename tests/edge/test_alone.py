"""The small distribution: alone in an environment, beside the whole one, and what it costs."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import lighterage
import lighterage.edge

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "src" / "lighterage" / "edge"
MAY_IMPORT = {"numpy", "ai_edge_litert"}


def test_it_imports_numpy_and_the_runtime_and_nothing_outside_its_folder() -> None:
    for file in CODE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, file
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            foreign = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
            assert foreign <= MAY_IMPORT | ({"cryptography"} if file.name == "signing.py" else set()), file


def test_one_version_and_one_licence() -> None:
    assert lighterage.edge.__version__ == lighterage.__version__
    assert (ROOT / "edge" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    asked = tomllib.loads((ROOT / "edge" / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {one.partition(">")[0] for one in asked} == {"numpy", "ai-edge-litert"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by way of the source archive, so that this works too."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT / "edge")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_has_a_name_of_its_own_and_all_of_the_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        code = {name for name in names if ".dist-info/" not in name}
        assert code == {f"lighterage_edge/{file.name}" for file in CODE.iterdir() if file.is_file()}
        for name in code:
            assert archive.read(name) == (CODE / Path(name).name).read_bytes()
    assert any(name.endswith("licenses/LICENSE") for name in names)


# --- alone ---


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and what it asks for; from uv's cache where that will do."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        pytest.skip("uv is not on the PATH")
    folder = tmp_path_factory.mktemp("alone") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), str(wheel)]
    for more in (["--offline"], []):
        done = subprocess.run([*install, *more], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return python
    pytest.skip(f"numpy and ai-edge-litert cannot be had: {done.stderr.strip()[-300:]}")


def in_it(python: Path, code: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", code, *arguments], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


USE = """
import json, sys
import numpy as np
from importlib.util import find_spec
from lighterage_edge import Bundle
bundle = Bundle.load(sys.argv[1])
verdict = bundle.verify()
rows = np.load(sys.argv[2])
print(json.dumps({
    "absent": [name for name in ("lighterage", "tensorflow", "keras", "pydantic", "click") if find_spec(name) is None],
    "verdict": verdict.as_json(),
    "answers": [[one.label, one.score] for one in bundle.predict(rows)],
}))
"""


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["motion-int8", "motion-float32", "digits-int8", "diabetes-float32", "motion-chain"])
def test_alone_it_reproduces_the_golden_outputs(
    alone: Path, bundles: dict[str, Path], tmp_path: Path, name: str
) -> None:
    import numpy as np

    bundle = lighterage.edge.Bundle.load(bundles[name])
    rows = np.random.default_rng(2).normal(size=(30, *bundle.inputs[0].shape[1:]))
    np.save(tmp_path / "rows.npy", rows)
    told = json.loads(in_it(alone, USE, str(bundles[name]), str(tmp_path / "rows.npy")))

    assert told["absent"] == ["lighterage", "tensorflow", "keras", "pydantic", "click"]
    reference = told["verdict"]["checks"][0]
    assert told["verdict"]["ok"] and reference["kernels"] == "BUILTIN_REF"
    assert reference["exact_rows"] == reference["rows"] == 16
    assert told["answers"] == [[one.label, one.score] for one in bundle.predict(rows)]


IMPORTS = "import time; start = time.perf_counter(); import {0}; print(time.perf_counter() - start)"
LOADS = """
import time; start = time.perf_counter()
from lighterage_edge import Bundle
import sys; Bundle.load(sys.argv[1]); print(time.perf_counter() - start)
"""


@pytest.mark.tensorflow
def test_its_size_and_import_beside_tensorflow(
    alone: Path, bundles: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints figures; docs/edge.md has them. Only what no machine changes is asserted."""
    import tensorflow

    def best(python: Path | str, code: str, *arguments: str, times: int = 3) -> float:
        return min(float(in_it(Path(python), code, *arguments).splitlines()[-1]) for _ in range(times))

    packages = next((alone.parent.parent / "lib").glob("python*/site-packages"))
    own, whole = megabytes(packages / "lighterage_edge"), megabytes(packages)
    tensorflows = megabytes(Path(tensorflow.__file__).parent)
    lines = [
        f"lighterage_edge {own:.2f} MB, with all it needs {whole:.0f} MB; tensorflow's own folder {tensorflows:.0f} MB",
        f"import lighterage_edge {best(alone, IMPORTS.format('lighterage_edge')):.2f} s, of that numpy {best(alone, IMPORTS.format('numpy')):.2f} s",
        f"import and load a bundle {best(alone, LOADS, str(bundles['motion-int8'])):.2f} s",
        f"import tensorflow {best(sys.executable, IMPORTS.format('tensorflow'), times=1):.2f} s",
    ]
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert own < 1 and whole < tensorflows
    loaded = in_it(alone, "import sys, lighterage_edge; print(*sorted(sys.modules))").split()
    assert "numpy" in loaded and not {"tensorflow", "pydantic", "ai_edge_litert.interpreter"} & set(loaded)


def megabytes(folder: Path) -> float:
    files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return sum(file.stat().st_size for file in files) / 1e6


BOTH = """
import sys
sys.path.append(sys.argv[1])   # as an editable install of the whole does
import lighterage.edge, lighterage_edge
for library in (lighterage.edge, lighterage_edge):
    print(library.Bundle.load(sys.argv[2]).verify().ok, library.__file__)
"""


@pytest.mark.tensorflow
def test_both_distributions_in_one_environment(alone: Path, bundles: dict[str, Path]) -> None:
    """No file belongs to both, and neither hides the other."""
    whole, small = in_it(alone, BOTH, str(ROOT / "src"), str(bundles["motion-int8"])).splitlines()
    assert whole == f"True {CODE / '__init__.py'}"
    assert small.startswith("True ") and small.endswith("site-packages/lighterage_edge/__init__.py")
