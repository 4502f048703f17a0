"""Nothing that a person can write crashes the reader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lighterage.diagnostics import Mistakes, codes, render
from lighterage.reading import check, read_document, yaml_text
from lighterage.schemas.environment import Environment
from lighterage.schemas.step import Step
from lighterage.schemas.workflow import Workflow

pytestmark = pytest.mark.usefixtures("parser")
PATIENT = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

PIECES = ["a", "b:", ": ", "- ", "? ", "[", "]", "{", "}", ",", "\n", "  ", "\t", "&x ", "*x", "!t ", "!!int ", "'", '"', "|", ">-",
          "#", "---\n", "...\n", "%YAML 1.2\n", "<<", "1e3", "0x1", ".inf", "~", "\ufeff", "\x85", "\u2028", "\x00", "\ud800", "${a.b}"]  # fmt: skip
WORDS = ["Workflow", "Step", "x/y@1", "${a.b}", "10m", "4Gi", "local", "string", "list", "", "a b", "seven"]
FIELDS = ["apiVersion", "kind", "name", "tasks", "uses", "with", "matrix", "include", "when", "retry", "limit", "cache", "expires",
          "type", "items", "inputs", "outputs", "parameters", "default", "resources", "cpu", "accelerator", "sites", "store",
          "url", "pools", "str", "bool", "x"]  # fmt: skip
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.sampled_from(WORDS),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inside, max_size=6),
    max_leaves=30,
)


def read(source: str | Path) -> None:
    """Either a value or diagnostics that can be shown, each with a page and a place inside the file."""
    try:
        read_document(source, "x.yaml")
    except Mistakes as error:
        assert error.diagnostics
        assert {one.code for one in error.diagnostics} <= set(codes())
        assert all(one.line >= 1 and one.column >= 1 for one in error.diagnostics)
        for form in ("text", "json", "github", "sarif"):
            render(error.diagnostics, form).encode("utf-8")


@given(st.text(st.characters(exclude_categories=[])))
@PATIENT
def test_any_text(text: str) -> None:
    read(text)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@PATIENT
def test_any_heap_of_yaml(text: str) -> None:
    read(text)


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML was built without libyaml")
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@PATIENT
def test_what_both_parsers_take_they_take_alike(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """PyYAML's own takes less: it refuses tabs after values. It never takes what libyaml refuses."""
    values = []
    for parser in (yaml.SafeLoader, yaml.CSafeLoader):
        monkeypatch.setattr(yaml_text, "_Parser", parser)
        try:
            values.append(repr(read_document(text, "x.yaml").value))
        except Mistakes:
            values.append("")

    pure, native = values
    assert pure in ("", native)


@given(st.binary(max_size=200))
@PATIENT
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(data)

    read(file)


@pytest.mark.parametrize("model", [Workflow, Step, Environment])
@given(value=DOCUMENTS)
@PATIENT
def test_any_document_against_a_schema(model: type[Workflow | Step | Environment], value: object) -> None:
    try:
        document = read_document(json.dumps(value), "x.yaml")
    except Mistakes as error:
        assert {one.code for one in error.diagnostics} <= {"L005", "L018"}
        return
    valid, found = check(document, model)
    assert (valid is None) == bool(found)
    assert {one.code for one in found} <= {"L101", "L102", "L103", "L104", "L105"}


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "{a: ", "[?", "- ? ", "a: &a [", "!t [", "? - "])
def test_deep_nesting_does_not_end_the_process(piece: str, parser: str) -> None:
    """In a process of its own: a crash in the parser would end this one."""
    code = (
        "import sys, yaml\n"
        "from lighterage.diagnostics import Mistakes\n"
        "from lighterage.reading import read_document, yaml_text\n"
        "yaml_text._Parser = getattr(yaml, sys.argv[2])\n"
        "try: read_document(sys.argv[1] * 100_000, 'x')\n"
        "except Mistakes as error: print(error.diagnostics[-1].code)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, piece, parser], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in ("L014", "L010")
