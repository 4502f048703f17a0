"""Somebody edits a step, or its data, while the step runs: nothing is kept under a key that it does not belong to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

READ = """\
    import pathlib, time
    def read(source, here):
        pathlib.Path(here, "begun").touch()
        while not pathlib.Path(here, "go").exists():
            time.sleep(0.02)
        from . import word
        place = pathlib.Path(source)
        files = sorted(place.rglob("*.txt")) if place.is_dir() else [place]
        return word.WORD + " " + " ".join(file.read_text() for file in files)
    """
INPUTS = "{source: {type: string, external: true}, here: {type: string}}"
FILES = {"read/word.py": "WORD = 'old'\n", "data.txt": "one", "data/a.txt": "one", "data/b.txt": "two"}


class Halfway:
    """A run of one task, which is edited when it has begun and before it has read anything."""

    def __init__(
        self, project: Project, source: str = "data.txt", uses: str = "./read", here: str = ".", how: Iterable[str] = ()
    ) -> None:
        self.project = project
        self.here = project.folder / here
        self.how = how
        project.step("read", READ, INPUTS, "{told: {type: string}}")
        project.write(FILES)
        self.flow = project.workflow(f"read: {{uses: {uses}, with: {{source: {source}, here: {self.here}}}}}")

    def as_before(self) -> None:
        (self.project.folder / "data" / "c.txt").unlink(missing_ok=True)
        self.project.write(FILES)

    def run(self, edit: Callable[[Path], Any] = lambda _: None) -> dict[str, Any]:
        """How the task went."""
        for mark in ("begun", "go"):
            (self.here / mark).unlink(missing_ok=True)
        process = self.project.start("run", self.flow, "-o", "json", *self.how)
        while process.poll() is None and not (self.here / "begun").exists():
            time.sleep(0.02)
        edit(self.project.folder)
        (self.here / "go").touch()
        out, self.said = process.communicate(timeout=60)
        told = json.loads(out)
        return {"run": told["run"], **told["tasks"][0]}


EDITS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "written": ("data.txt", lambda folder: (folder / "data.txt").write_text("two")),
    "replaced": ("data.txt", lambda folder: (folder / "data" / "b.txt").replace(folder / "data.txt")),
    "deleted": ("data.txt", lambda folder: (folder / "data.txt").unlink()),
    "one of a folder": ("data", lambda folder: (folder / "data" / "b.txt").write_text("six")),
    "one more": ("data", lambda folder: (folder / "data" / "c.txt").write_text("six")),
    "one less": ("data", lambda folder: (folder / "data" / "b.txt").unlink()),
    "a name": ("data", lambda folder: (folder / "data" / "b.txt").rename(folder / "data" / "c.txt")),
}
"""edit -> the data that the task is given, how it is edited"""


def test_an_edited_step_runs_as_it_was_planned(project: Project) -> None:
    halfway = Halfway(project)
    word = project.folder / "read" / "word.py"
    assert halfway.run(lambda _: word.write_text("WORD = 'new'\n"))["outputs"] == {"told": "old one"}
    assert halfway.run()["outputs"] == {"told": "new one"}
    word.write_text("WORD = 'old'\n")
    told = halfway.run()
    assert (told["cached"], told["outputs"]) == (True, {"told": "old one"})


@pytest.mark.parametrize(("source", "edit"), EDITS.values(), ids=EDITS.keys())
def test_data_edited_before_it_is_read_is_kept_for_nobody(
    project: Project, source: str, edit: Callable[[Path], Any]
) -> None:
    halfway = Halfway(project, source)
    told = halfway.run(edit)
    assert told["status"] == ("succeeded" if (project.folder / source).exists() else "failed")
    halfway.as_before()
    told = halfway.run()
    assert (told["cached"], told["outputs"]["told"]) == (False, "old one" if source == "data.txt" else "old one two")
    assert halfway.run()["cached"]


@pytest.mark.parametrize("source", ["latest", "latest/data.txt"])
def test_a_link_that_leads_to_other_old_data_is_seen(project: Project, source: str) -> None:
    halfway = Halfway(project, source)
    for version in ("one", "two"):
        project.write({f"{version}/data.txt": version})
    link = project.folder / "latest"
    link.symlink_to("one")
    time.sleep(2.5)  # files that are new are read twice anyway
    assert halfway.run(lambda _: (link.unlink(), link.symlink_to("two")))["not_kept"]
    link.unlink()
    link.symlink_to("one")
    assert halfway.run()["outputs"] == {"told": "old one"}


def test_it_is_said_that_a_result_is_not_kept(project: Project) -> None:
    halfway = Halfway(project)
    told = halfway.run(lambda folder: (folder / "data.txt").write_text("two"))
    changed = "external data 'source', data.txt, changed while the task ran"
    assert told["not_kept"] == changed
    assert f"! read: {changed}: the result is this run's, and answers no other\n" in halfway.said
    assert f"no earlier run had done it; {changed}" in project.call("why", told["run"], "read").stdout


def test_data_that_was_touched_and_not_changed_is_kept(project: Project) -> None:
    halfway = Halfway(project)
    assert halfway.run(lambda folder: os.utime(folder / "data.txt"))["status"] == "succeeded"
    assert halfway.run()["cached"]


def test_an_edited_step_of_an_installed_package_is_kept_for_nobody(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway = Halfway(project, uses="ours:read@1")
    (project.folder / "lib" / "our_steps").mkdir(parents=True)
    (project.folder / "read").rename(project.folder / "lib" / "our_steps" / "read")
    project.write(
        {
            "lib/our_steps/__init__.py": "",
            "lib/our-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: our\nVersion: 1.0\n",
            "lib/our-1.0.dist-info/entry_points.txt": "[lighterage.steps]\nours = our_steps\n",
        }
    )
    monkeypatch.setenv("PYTHONPATH", str(project.folder / "lib"))
    word = project.folder / "lib" / "our_steps" / "read" / "word.py"
    told = halfway.run(lambda _: word.write_text("WORD = 'new!'\n"))
    assert told["not_kept"] == "the code of ours:read@1 changed while the task ran"
    word.write_text("WORD = 'old'\n")
    assert halfway.run()["outputs"] == {"told": "old one"}


def test_a_traceback_names_the_file_that_the_user_edits(project: Project) -> None:
    project.step("fall", "def fall():\n    raise ValueError('here')")
    flow = project.workflow("fall: {uses: ./fall}")
    run = project.run(flow, code=1)["run"]
    said = project.call("logs", run, "fall").stdout
    assert f'File "{project.folder}/fall/fall.py", line 2, in fall' in said
    assert "raise ValueError('here')" in said
