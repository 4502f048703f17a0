"""`lighterage edge snippet`: the code says what the manifest says, and computes what the library computes."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighterage.edge import Bundle
from lighterage.edge.runtime import Kernels, to_stored
from lighterage.snippets import LANGUAGES
from tests.conftest import Project

from . import tiny
from .apps import EXAMPLES, done, lines_of, litert_library, node_modules, program, raw_rows
from .forging import inside

HOSTILE = [
    '"; system("exit 9"); //',
    "\"\"\" + exit(9) + '''",
    "${exit(9)} `${process.exit(9)}` \\(exit(9)) #{exit}",
    "*/ #error ??/ \\",
    "</script><!-- %%name %%if",
    "größe 摩 😀 \u202e txet",
    "\t\x07\x7f\\u0022\\",
    " ",
]
NAME = 'line\nbreak\r\n"\u2028\x85 \\" %%labels ${name}'


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A bundle whose every word tries to be code."""
    return tiny.write_bundle(
        tmp_path / "hostile.zip", tiny.weights(1), name=NAME, classes=HOSTILE, features=HOSTILE[::-1]
    )


def write(project: Project, bundle: Path, language: str, file: str) -> Path:
    """The snippet as a file, which holds nothing but printable ASCII."""
    code = project.call("edge", "snippet", str(bundle), "--language", language).stdout
    assert re.fullmatch(r"[\n -~]+", code)
    place = project.folder / file
    place.write_text(code)
    return place


@given(st.text(), st.lists(st.text()))
def test_literals_are_what_they_stand_for(text: str, texts: list[str]) -> None:
    written = {name: language.literal(text) for name, language in LANGUAGES.items()}
    assert ast.literal_eval(written["python"]) == text
    assert json.loads(written["javascript"]) == json.loads(written["kotlin"]) == text
    assert ast.literal_eval(f"b{written['cpp']}") == text.encode()
    swift = re.sub(r"\\u\{(\w+)\}", lambda found: chr(int(found[1], 16)), written["swift"])
    assert swift == f'"{text}"'
    assert all(one.isascii() and one.isprintable() for one in written.values())
    assert ast.literal_eval(LANGUAGES["python"].literal(texts)) == texts


def test_python_says_it_all(project: Project, hostile: Path) -> None:
    write(project, hostile, "python", "snippet.py")
    code = "import json, snippet as s; print(json.dumps([s.NAME, s.LABELS, s.FEATURES]))"
    told = done(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(project.folder)!r}); {code}")
    assert json.loads(told.stdout) == [NAME, HOSTILE, HOSTILE[::-1]]


def test_javascript_says_it_all(project: Project, hostile: Path) -> None:
    node = program("node", "nodejs")
    place = write(project, hostile, "javascript", "snippet.mjs")
    done(node, "--check", place)
    code = (
        f"import * as s from {json.dumps(place.as_uri())}; console.log(JSON.stringify([s.NAME, s.LABELS, s.FEATURES]))"
    )
    told = done(node, "--input-type=module", "--eval", code)
    assert json.loads(told.stdout) == [NAME, HOSTILE, HOSTILE[::-1]]


TELL_C = """
#include <stdio.h>
#include "bundle.h"
static void tell(const char *text) { printf("%s%c", text, 0); }
int main(void) {
  tell(EDGE_NAME);
  for (size_t at = 0; at < EDGE_OUTPUTS; at++) tell(EDGE_LABELS[at]);
  for (size_t at = 0; at < sizeof EDGE_FEATURES / sizeof *EDGE_FEATURES; at++) tell(EDGE_FEATURES[at]);
  return 0;
}
"""


@pytest.mark.parametrize(
    "compiler", [("gcc", "-std=c99"), ("gcc", "-std=c11", "-trigraphs"), ("g++", "-std=c++11", "-xc++")]
)
def test_c_and_cpp_say_it_all(project: Project, hostile: Path, compiler: tuple[str, ...]) -> None:
    write(project, hostile, "cpp", "bundle.h")
    (project.folder / "tell.c").write_text(TELL_C)
    warnings = ("-Wall", "-Wextra", "-pedantic", "-Werror")
    name, *options = compiler
    done(program(name, name), *options, *warnings, "-o", project.folder / "tell", project.folder / "tell.c", "-lm")
    assert done(project.folder / "tell").stdout.split("\0") == [NAME, *HOSTILE, *HOSTILE[::-1], ""]


INTERPRETER = "package org.tensorflow.lite\nclass Interpreter { fun run(input: Any, output: Any) { println(input === output) } }\n"
TELL_KOTLIN = """
fun main() {
    val words = listOf(EdgeModel.NAME) + EdgeModel.LABELS + EdgeModel.FEATURES
    println(words.joinToString(" ") { word -> word.toByteArray().joinToString("") { "%02x".format(it) } + "." })
    val row = DoubleArray(EdgeModel.INPUTS) { it / 7.0 }
    val stored = EdgeModel.toStored(EdgeModel.prepare(row))
    println(ByteArray(stored.remaining()).also { stored.get(it) }.joinToString("") { "%02x".format(it) })
}
"""


def test_kotlin_says_it_all(project: Project, hostile: Path) -> None:
    """TensorFlow Lite's own class is declared here as the snippet uses it; it was not run on a phone."""
    kotlinc, java = program("kotlinc", "Kotlin's compiler"), program("java", "a Java runtime")
    place = write(project, hostile, "kotlin", "EdgeModel.kt")
    project.write({"Interpreter.kt": INTERPRETER, "Tell.kt": TELL_KOTLIN})
    others = [project.folder / "Interpreter.kt", project.folder / "Tell.kt"]
    done(kotlinc, place, *others, "-include-runtime", "-d", project.folder / "tell.jar")
    words, stored = done(java, "-cp", project.folder / "tell.jar", "TellKt").stdout.splitlines()
    assert [bytes.fromhex(word.rstrip(".")).decode() for word in words.split(" ")] == [NAME, *HOSTILE, *HOSTILE[::-1]]
    row = np.arange(tiny.FEATURES) / 7
    assert bytes.fromhex(stored) == row.astype(np.float32).tobytes()


def test_swift_can_be_parsed(project: Project, hostile: Path) -> None:
    """Parsed only: TensorFlowLiteSwift is for Apple's machines."""
    done(program("swiftc", "Swift's compiler"), "-parse", write(project, hostile, "swift", "EdgeModel.swift"))


SHIPPED = ["motion-float32", "motion-int8", "digits-int8", "digits-dynamic-int8", "diabetes-float32"]


@pytest.fixture(params=SHIPPED)
def shipped(request: pytest.FixtureRequest, bundles: dict[str, Path], project: Project) -> SimpleNamespace:
    """A bundle at work, raw rows for it, and where its files are."""
    path = bundles[request.param]
    (project.folder / "model.tflite").write_bytes(inside(path, "model.tflite"))
    bundle = Bundle.load(path)
    return SimpleNamespace(path=path, bundle=bundle, model=project.folder / "model.tflite", rows=raw_rows(bundle, 30))


ANSWER_PYTHON = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from snippet import Model, prepare
model = Model(sys.argv[2])
for row in map(np.array, json.load(sys.stdin)):
    print(json.dumps([prepare(row).ravel().tolist(), model.outputs(prepare(row)).tolist(), model.predict(row)]))
"""


@pytest.mark.tensorflow
def test_python_computes_as_the_library(project: Project, shipped: SimpleNamespace) -> None:
    write(project, shipped.path, "python", "snippet.py")
    given = json.dumps(shipped.rows.tolist())
    told = done(sys.executable, "-c", ANSWER_PYTHON, project.folder, shipped.model, given=given).stdout
    prepared, outputs, answers = zip(*map(json.loads, told.splitlines()), strict=True)
    expected = shipped.bundle.predict(shipped.rows)
    assert np.array_equal(np.float32(prepared).reshape(shipped.rows.shape), shipped.bundle.prepare(shipped.rows))
    assert np.array_equal(np.float32(outputs), [one.outputs for one in expected])
    assert list(answers) == [[one.label, one.score] if one.label else one.score for one in expected]


ANSWER_JAVASCRIPT = """
import { readFileSync } from "node:fs";
const [snippet, litert, model, modules, output] = process.argv.slice(1);
const { prepare, toStored, predict } = await import(snippet);
const { compile, loadLiteRt } = await import(litert);
const compiled = await compile(await loadLiteRt(modules), readFileSync(model), { model: { output: JSON.parse(output) } });
for (const line of readFileSync(0, "utf8").trim().split("\\n")) {
  const row = line.split(",").map(Number);
  const stored = Buffer.from(toStored(prepare(row)).buffer).toString("hex");
  const { label = null, outputs } = await predict((stored) => compiled.run(stored), row);
  process.stdout.write(JSON.stringify([stored, label, [...outputs]]) + "\\n");
}
"""


@pytest.mark.tensorflow
def test_javascript_computes_as_the_library(project: Project, shipped: SimpleNamespace) -> None:
    node, modules, bundle = program("node", "nodejs"), node_modules(), shipped.bundle
    snippet = write(project, shipped.path, "javascript", "snippet.mjs")
    output = json.dumps({"dtype": bundle.outputs[0].dtype, "shape": bundle.outputs[0].shape})
    places = [snippet.as_uri(), (EXAMPLES / "node" / "litert.mjs").as_uri(), shipped.model, modules, output]
    told = done(node, "--input-type=module", "--eval", ANSWER_JAVASCRIPT, *places, given=lines_of(shipped.rows)).stdout
    stored, labels, outputs = zip(*map(json.loads, told.splitlines()), strict=True)
    assert bytes.fromhex("".join(stored)) == to_stored(bundle.prepare(shipped.rows), bundle.inputs[0]).tobytes()
    agree(bundle, shipped.rows, labels, outputs)


@pytest.mark.tensorflow
@pytest.mark.parametrize("kernels", ["default", "reference"])
def test_c_computes_as_the_library(project: Project, shipped: SimpleNamespace, kernels: Kernels) -> None:
    """`examples/c`, with the C API of the runtime's own wheel."""
    library, here = litert_library(), project.folder
    write(project, shipped.path, "cpp", "bundle.h")
    sources = [
        "-I",
        here,
        "-I",
        EXAMPLES / "c",
        EXAMPLES / "c" / "classify.c",
        library,
        f"-Wl,-rpath,{library.parent}",
        "-lm",
    ]
    done(
        program("gcc", "gcc"), "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o", here / "classify", *sources
    )
    options = ["--reference"] if kernels == "reference" else []
    told = done(here / "classify", shipped.model, *options, given=lines_of(shipped.rows)).stdout
    bundle = Bundle.load(shipped.path, kernels=kernels)
    lines = [line.split("\t") for line in told.splitlines()]
    labels = [line[0] if bundle.labels else None for line in lines]
    agree(bundle, shipped.rows, labels, [line[bool(bundle.labels) :] for line in lines])


def agree(bundle: Bundle, rows: np.ndarray, labels: Any, outputs: Any) -> None:
    """Outputs are as near as golden ones must be, and the names are those of the highest."""
    expected = bundle.predict(rows)
    wanted = np.stack([one.outputs for one in expected])
    allowed = bundle.tolerance("XNNPACK", wanted)
    assert np.abs(np.float32(outputs) - wanted).max() <= allowed
    best = np.float32(outputs).argmax(axis=1)
    assert list(labels) == [bundle.labels[one] if bundle.labels else None for one in best]
    assert np.mean([label == one.label for label, one in zip(labels, expected, strict=True)]) >= 0.9


def test_a_damaged_bundle_and_one_that_no_template_knows(project: Project, tmp_path: Path) -> None:
    twice = [{"op": "standardize", "mean": [0.0], "std": [1.0], "clip": None}] * 2
    path = tiny.write_bundle(tmp_path / "b.zip", tiny.weights(1), preprocessing=twice)
    told = project.call("edge", "snippet", str(path), "--language", "cpp", code=2)
    assert "snippets know window and then standardize" in told.stderr and told.stdout == ""
    path.write_bytes(path.read_bytes()[:-9])
    assert "[damaged-file]" in project.call("edge", "snippet", str(path), "--language", "cpp", code=2).stderr
