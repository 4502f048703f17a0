"""Edits that must not be answered by the cache, each with the reason that people are told; and edits that must be."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from lighterage.recording.why import why
from lighterage.storing import open_store
from tests.conftest import Project

FLOW = """\
apiVersion: lighterage/v1
kind: Workflow
name: edits
description: Before
tasks:
  first: {uses: ./first, with: {text: abc}}
  mix:
    uses: ./mix
    with:
      s: "café one"
      i: 1
      x: 1.0
      b: true
      l: [1, 2]
      o: {a: 1, b: {c: "1"}}
      mode: "${environment.mode}"
      data: data.txt
      folder: data
      file: "${first.file}"
  prog: {uses: ./prog, with: {n: 1}}
"""
STEP = """\
apiVersion: lighterage/v1
kind: Step
name: mix
version: 1.0.0
description: Takes everything
inputs:
  s: {type: string}
  i: {type: integer}
  x: {type: number}
  b: {type: boolean}
  l: {type: list}
  o: {type: object}
  mode: {type: string}
  data: {type: string, external: true}
  folder: {type: string, external: true}
  file: {type: file}
  absent: {type: integer, default: 5}
  maybe: {type: integer, optional: true}
outputs:
  n: {type: integer}
requires: [thirtyedits]
python: mix:mix
"""
FILES = {
    "edits.yaml": FLOW,
    "mix/step.yaml": STEP,
    "mix/mix.py": "from . import helper\n\n\ndef mix(**inputs):\n    return helper.ONE\n\n\ndef mixed(**inputs):\n    return 1\n",
    "mix/helper.py": "ONE = 1\n",
    "mix/README.md": "Before\n",
    "first/step.yaml": """\
        apiVersion: lighterage/v1
        kind: Step
        name: first
        version: 1.0.0
        description: Writes
        inputs: {text: {type: string}}
        outputs: {file: {type: file}}
        python: first:first
        """,
    "first/first.py": "def first(text, file):\n    file.path.write_text(text)\n",
    "prog/step.yaml": """\
        apiVersion: lighterage/v1
        kind: Step
        name: prog
        version: 1.0.0
        description: A program
        image: registry.example/tools:1
        inputs: {n: {type: integer}}
        command: [sh, -c, "exit 0", "${inputs.n}"]
        """,
    "environments/here.yaml": """\
        apiVersion: lighterage/v1
        kind: Environment
        name: here
        store: {url: .lighterage}
        values: {mode: quick}
        sites:
          here: {target: local}
        """,
    "data.txt": "12345",
    "data/a.txt": "12345",
    "data/deep/b.txt": "12345",
    "lib/thirtyedits-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thirtyedits\nVersion: 1.0\n",
}

Edit = Callable[[Path], None]


def sub(old: str, new: str, file: str = "edits.yaml") -> Edit:
    """Replaces a text in a file."""

    def edit(folder: Path) -> None:
        place = folder / file
        text = place.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        place.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def unnoticed(file: str, text: str) -> Edit:
    """Other bytes of the same number, with the same date."""

    def edit(folder: Path) -> None:
        place = folder / file
        before = place.stat()
        assert len(text.encode()) == before.st_size
        place.write_text(text)
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def write(file: str, text: str = "new\n") -> Edit:
    def edit(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)

    return edit


def rename(old: str, new: str) -> Edit:
    return lambda folder: (folder / old).rename(folder / new) and None


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))

MISSES: dict[str, tuple[Edit, str, str]] = {
    "text, one letter": (sub('"café one"', '"café onE"'), "mix", "value 's' changed: café one → café onE"),
    "text, a space at its end": (sub('"café one"', '"café one "'), "mix", "value 's' changed"),
    "text, decomposed": (sub(COMPOSED, DECOMPOSED), "mix", "value 's' changed"),
    "text, none": (sub('"café one"', '""'), "mix", "value 's' changed"),
    "integer": (sub("i: 1\n", "i: 2\n"), "mix", "value 'i' changed: 1 → 2"),
    "number": (sub("x: 1.0", "x: 1.0000001"), "mix", "value 'x' changed: 1.0 → 1.0000001"),
    "boolean": (sub("b: true", "b: false"), "mix", "value 'b' changed: True → False"),
    "list, order": (sub("[1, 2]", "[2, 1]"), "mix", "value 'l' changed: [1, 2] → [2, 1]"),
    "list, one more": (sub("[1, 2]", "[1, 2, 2]"), "mix", "value 'l' changed"),
    "list, inside another": (sub("[1, 2]", "[[1, 2]]"), "mix", "value 'l' changed"),
    "list, 1 as text": (sub("[1, 2]", '["1", 2]'), "mix", "value 'l' changed: [1, 2] → ['1', 2]"),
    "object, 1 as text": (sub("{a: 1,", '{a: "1",'), "mix", "value 'o' changed"),
    "object, 1 as 1.0": (sub("{a: 1,", "{a: 1.0,"), "mix", "value 'o' changed"),
    "object, 1 as true": (sub("{a: 1,", "{a: true,"), "mix", "value 'o' changed"),
    "object, text as 1": (sub('{c: "1"}', "{c: 1}"), "mix", "value 'o' changed"),
    "object, a key": (sub("{a: 1,", "{A: 1,"), "mix", "value 'o' changed"),
    "object, one that is null": (sub("{a: 1,", "{a: 1, z: null,"), "mix", "value 'o' changed"),
    "an optional input": (sub("i: 1\n", "i: 1\n      maybe: 3\n"), "mix", "value 'maybe' changed: None → 3"),
    "a default": (sub("default: 5", "default: 6", "mix/step.yaml"), "mix", "value 'absent' changed: 5 → 6"),
    "a value of the environment": (
        sub("mode: quick", "mode: slow", "environments/here.yaml"),
        "mix",
        "value 'mode' changed: quick → slow",
    ),
    "a file, unnoticed": (unnoticed("data.txt", "12346"), "mix", "external data 'data' changed"),
    "a file, its end": (write("data.txt", "12345\n"), "mix", "external data 'data' changed"),
    "a folder, one file more": (write("data/c.txt"), "mix", "external data 'folder' changed"),
    "a folder, unnoticed and deep": (unnoticed("data/deep/b.txt", "12346"), "mix", "external data 'folder' changed"),
    "a folder, a name": (rename("data/a.txt", "data/A.txt"), "mix", "external data 'folder' changed"),
    "what a task before gave": (sub("text: abc", "text: abd"), "mix", "input 'file' changed"),
    "a library": (
        sub("Version: 1.0", "Version: 1.1", "lib/thirtyedits-1.0.dist-info/METADATA"),
        "mix",
        "library 'thirtyedits' changed: 1.0 → 1.1",
    ),
    "code": (sub("return helper.ONE", "return helper.ONE + 0", "mix/mix.py"), "mix", "the step's code changed"),
    "code, a comment": (write("mix/helper.py", "ONE = 1  # one\n"), "mix", "the step's code changed"),
    "code, unnoticed": (unnoticed("mix/helper.py", "ONE = 2\n"), "mix", "the step's code changed"),
    "code, a table beside it": (write("mix/table.csv"), "mix", "the step's code changed"),
    "code, may be executed": (lambda folder: (folder / "mix/helper.py").chmod(0o755), "mix", "the step's code changed"),
    "contract, a bound": (
        sub("i: {type: integer}", "i: {type: integer, minimum: 0}", "mix/step.yaml"),
        "mix",
        "the step's contract changed",
    ),
    "contract, another function": (sub("mix:mix", "mix:mixed", "mix/step.yaml"), "mix", "the step's contract changed"),
    "version": (sub("version: 1.0.0", "version: 1.0.1", "mix/step.yaml"), "mix", "the step changed"),
    "a program's image": (sub("tools:1", "tools:2", "prog/step.yaml"), "prog", "the image changed"),
    "a program's argument": (sub("exit 0", "exit  0", "prog/step.yaml"), "prog", "the step's contract changed"),
}
"""edit -> how, the task that must run, what people are told"""

HITS: dict[str, Edit] = {
    "the step's README": write("mix/README.md", "After\n"),
    "the step's tests": write("mix/tests/test_mix.py"),
    "a hidden file beside the step": write("mix/.notes"),
    "the step's description": sub("Takes everything", "Takes it all", "mix/step.yaml"),
    "an input's description": sub("s: {type: string}", "s: {type: string, description: Any}", "mix/step.yaml"),
    "the step's resources": sub("requires:", "resources: {cpu: 2}\nrequires:", "mix/step.yaml"),
    "what a worker imports first": sub("requires:", "preload: [json]\nrequires:", "mix/step.yaml"),
    "the image of a step in Python": sub("requires:", "image: tensorflow\nrequires:", "mix/step.yaml"),
    "the workflow's description": sub("description: Before", "description: After"),
    "the workflow's name": sub("name: edits", "name: others"),
    "a task's resources": sub("    uses: ./mix\n", "    uses: ./mix\n    resources: {memory: 2Gi}\n"),
    "a task's retry and time limit": sub("    uses: ./mix\n", "    uses: ./mix\n    retry: {limit: 2}\n    timeout: 1h\n"),
    "a task's name": sub("  mix:\n", "  renamed:\n"),
    "the order of inputs": sub('      i: 1\n      x: 1.0\n', '      x: 1.0\n      i: 1\n'),
    "how YAML is written": sub("b: true", "b: true  # yes"),
    "1 where a number is wanted": sub("x: 1.0", "x: 1"),
    "the default, said": sub("i: 1\n", "i: 1\n      absent: 5\n"),
    "the date of a file": lambda folder: os.utime(folder / "data.txt", (1, 1)),
    "an empty folder in a folder": lambda folder: (folder / "data" / "empty").mkdir(),
    "a library that the step does not name": write("lib/other-2.0.dist-info/METADATA", "Name: other\nVersion: 2.0\n"),
    "a variable of the shell": lambda folder: os.environ.__setitem__("LIGHTERAGE_TEST_EDIT", "1"),
}  # fmt: skip
"""edit -> how. A step that reads a variable of the shell without saying so in its contract is not found out."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run."""
    folder = tmp_path_factory.mktemp("before")
    project = Project(folder)
    project.write(FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "lib"))
        project.run("edits.yaml", "-e", "here")
    return folder


@pytest.fixture
def edited(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it, elsewhere."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "copy" / "lib"))
    monkeypatch.setenv("LIGHTERAGE_TEST_EDIT", "0")
    return Project(Path(shutil.copytree(before, tmp_path / "copy")))


@pytest.mark.parametrize(("edit", "task", "reason"), MISSES.values(), ids=MISSES.keys())
def test_an_edit_that_decides_a_result_is_a_miss_and_is_named(
    edited: Project, edit: Edit, task: str, reason: str
) -> None:
    edit(edited.folder)
    planned = json.loads(edited.call("plan", "edits.yaml", "-e", "here", "-o", "json").stdout)["tasks"]
    will = {one["task"]: (one["verdict"], one["reason"]) for one in planned}
    if will[task][0] == "wait":
        assert will[task][1] == "waits for first"
    else:
        assert will[task][0] == "run" and reason in will[task][1]
    told = edited.run("edits.yaml", "-e", "here")
    assert not told["by"][task]["cached"]
    store = open_store(str(edited.folder / ".lighterage"), create=False)
    record = store.read_record(told["run"], task)
    assert record is not None and reason in why(store, store.runs()[0], record).reason


@pytest.mark.parametrize("edit", HITS.values(), ids=HITS.keys())
def test_an_edit_that_decides_nothing_is_a_hit(edited: Project, edit: Edit) -> None:
    edit(edited.folder)
    told = edited.run("edits.yaml", "-e", "here")
    assert [one["cached"] for one in told["tasks"]] == [True] * 3
