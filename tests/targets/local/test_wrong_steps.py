"""What a user does wrong first: each has a clear message and the right exit code, and leaves nothing half-written."""

from __future__ import annotations

import pytest

from tests.conftest import Project

STEPS = {
    "raises": ("def raises(page):\n    page.path.write_text('half')\n    raise KeyError('x')", "error", "KeyError: 'x'"),
    "silent": ("def silent(page):\n    pass", "output", "wrote nothing for its output 'page'"),
    "exits": ("import sys\ndef exits(page):\n    sys.exit(7)", "exit", "exit code 7"),
    "killed": ("import os\ndef killed(page):\n    os.kill(os.getpid(), 9)", "signal", "SIGKILL"),
    "crashes": ("import ctypes\ndef crashes(page):\n    ctypes.string_at(0)", "signal", "SIGSEGV"),
    "linked": ("import os\ndef linked(page):\n    os.symlink('/etc/passwd', page.path)", "store", "symbolic link"),
    "broken": ("import no_such_module\ndef broken(page): ...", "error", "No module named 'no_such_module'"),
    "extra": ("def extra(page):\n    page.path.write_text('')\n    return {'size': 1}", "output", "size"),
    "refuses": ("from lighterage.schemas import BadInput\ndef refuses(page):\n    raise BadInput('three rows are needed')", "bad_input", "three rows are needed"),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_goes_wrong(project: Project, name: str) -> None:
    code, kind, message = STEPS[name]
    project.step(name, code, outputs="{page: {type: file}}")
    told = project.run(project.workflow(f"a: {{uses: ./{name}}}"), code=1)["by"]["a"]
    assert (told["status"], told["failure"]["kind"]) == ("failed", kind)
    assert message in told["failure"]["message"]
    store = project.folder / ".lighterage"
    assert not list(store.glob("actions/**/*.json"))
    assert not list(store.glob("objects/**/*")) or name == "extra"
    assert not [*store.glob("work/*"), *store.glob("tmp/*")]


def test_values_that_break_the_contract(project: Project) -> None:
    project.step("text", "def text():\n    return 'three'", outputs="{n: {type: integer}}")
    project.step("nan", "def nan():\n    return float('nan')", outputs="{n: {type: number}}")
    project.step("none", "def none():\n    return None", outputs="{n: {type: number}}")
    by = project.run(project.workflow("a: {uses: ./text}\nb: {uses: ./nan}\nc: {uses: ./none}"), code=1)["by"]
    assert "must be an integer, not a string" in by["a"]["failure"]["message"]
    assert "not a finite number" in by["b"]["failure"]["message"]
    assert "gave no value for its output 'n'" in by["c"]["failure"]["message"]


def test_a_library_that_is_not_installed(project: Project) -> None:
    project.step("needy", "def needy(): ...", more="requires: [no-such-library]\n")
    failure = project.run(project.workflow("a: {uses: ./needy}"), code=1)["by"]["a"]["failure"]
    assert failure["kind"] == "missing"
    assert "pip install no-such-library" in failure["message"]


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_files_that_are_no_workflows(project: Project, command: str) -> None:
    project.write({"empty.yaml": "", "list.yaml": "[1]", "folder/x": ""})
    for name, code in [("absent.yaml", "L001"), ("folder", "L002"), ("empty.yaml", "L005"), ("list.yaml", "L102")]:
        assert code in project.call(command, name, code=2).stderr
    assert not (project.folder / ".lighterage").exists()


def test_a_store_that_cannot_be_used(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    adding.write({"file": "", "other/format": "future/9"})
    assert "file" in adding.call("run", flow, "--store", "file", code=4).stderr
    assert "format" in adding.call("run", flow, "--store", "other", code=4).stderr
    for url in ("http://169.254.169.254/latest", "file::s3://x", "ftp://x"):
        assert adding.call("run", flow, "--store", url, code=4).stderr


def test_a_cluster_is_not_run_here_and_a_laptop_is_not_compiled_for(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    assert "lighterage compile" in adding.call("run", flow, "-e", "onprem", code=2).stderr
    assert "lighterage run" in adding.call("compile", flow, "-e", "laptop", code=2).stderr
