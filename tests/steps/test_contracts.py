"""What holds for every step that ships: one list of folders, one set of habits."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

import pytest
from running import STEPS, contract, function

NAMES = sorted(file.parent.relative_to(STEPS).as_posix() for file in STEPS.glob("*/*/step.yaml"))
OF_THE_ENGINE = {
    "lighterage.edge",
    "lighterage.schemas",
    "lighterage.launching.artifacts",
    "lighterage.launching.child",
    "lighterage.launching.columns",
    "lighterage.storing.external",
}
DISTRIBUTIONS = {"ai_edge_litert": "ai-edge-litert", "litert_quantizer": "litert-quantizer", "tflite_micro": "tflite-micro"}
ON_REQUEST = {"pyarrow", "sklearn", "seglearn", "mlxtend", "river", "tflite_micro"}
"""Libraries that only some inputs of a step need; it says what to install when they are missing."""

every_step = pytest.mark.parametrize("name", NAMES)


def test_the_library_is_complete() -> None:
    assert NAMES == [
        "data/load",
        "data/split",
        "edge/bundle",
        "edge/chain",
        "edge/choose",
        "edge/compress",
        "edge/convert",
        "edge/learn",
        "edge/quantize",
        "edge/verify",
        "features/standardize",
        "features/window",
        "model/evaluate",
        "model/select",
        "notify/webhook",
        "train/keras",
    ]


@every_step
def test_function_and_contract_agree(name: str) -> None:
    step = contract(name)
    parameters = inspect.signature(function(name)).parameters
    artifacts = {key for key, port in step.outputs.items() if port.is_artifact}
    assert set(parameters) == step.inputs.keys() | artifacts
    for key, parameter in parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY, key
        port = step.inputs.get(key)
        may_be_left_out = port is not None and not port.required and not port.has_default
        wanted = None if may_be_left_out else parameter.empty
        assert parameter.default is wanted, f"{key}: defaults stand in step.yaml"


@every_step
def test_a_folder_explains_itself(name: str) -> None:
    folder = STEPS / name
    step = contract(name)
    assert step.name == name
    first = (folder / "step.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../../schemas/json/step.json"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {name}\n") and "```yaml" in readme
    assert all(port.description for port in [*step.inputs.values(), *step.outputs.values()])
    files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {file.suffix for file in files} == {".yaml", ".py", ".md"}


@every_step
def test_imports_stay_inside_the_contract(name: str) -> None:
    step = contract(name)
    for file in (STEPS / name).glob("*.py"):
        for module, top in _imports(file):
            if module.startswith("lighterage"):
                allowed = module in OF_THE_ENGINE or module.startswith(("lighterage.schemas.", "lighterage.edge."))
                assert allowed, f"{file.name} imports {module}"
                if module.startswith("lighterage.edge"):
                    assert "lighterage" in step.requires, f"{file.name} runs code of {module}, whose version decides"
                continue
            library = module.partition(".")[0]
            if library in sys.stdlib_module_names:
                continue
            needed = DISTRIBUTIONS.get(library, library)
            assert needed in step.requires or library in ON_REQUEST, (file.name, module)
            assert not top or library == "numpy", f"{file.name} imports {module} before it is needed"


def _imports(file: Path) -> list[tuple[str, bool]]:
    """Absolute imports with whether they stand at the top of the module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node in tree.body) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append((str(node.module), node in tree.body))
    return found
