"""`lighterage cache`: a store checked, cleaned up, copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.storing.servers import moto
from tests.storing.test_collecting import age_folder

WRITE = """
def write(text, file, folder):
    file.path.write_text(text)
    folder.path.mkdir()
    (folder.path / "inside.txt").write_text(text + text)
    print("wrote", text)
"""
READ = """
def read(folder):
    return (folder.path / "inside.txt").read_text()
"""
FLOW = """
    made: {uses: ./write, with: {text: "${parameters.text}"}}
    shown: {uses: ./read, with: {folder: "${made.folder}"}}
    """


@pytest.fixture
def flow(project: Project) -> str:
    project.step("write", WRITE, "{text: {type: string}}", "{file: {type: file}, folder: {type: folder}}")
    project.step("read", READ, "{folder: {type: folder}}", "{text: {type: string}}")
    return project.workflow(FLOW, head="parameters: {text: ab}\noutputs: {folder: '${made.folder}'}\n")


def cache(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    return json.loads(project.call("cache", *arguments, "-o", "json", code=code).stdout)


def objects(project: Project, store: str = ".lighterage") -> dict[str, Path]:
    """The store's objects by what they hold."""
    return {
        place.read_text(): place
        for place in (project.folder / store / "objects").rglob("*")
        if place.is_file()
    }  # fmt: skip


# --- verify ---


def test_a_sound_store_is_said_to_be(project: Project, flow: str) -> None:
    project.run(flow)
    assert "3 objects" in project.call("cache", "verify").stderr
    told = cache(project, "verify")
    assert told["sound"] and told["objects"] == 3 and not told["damaged"] + told["missing"] + told["unreadable"]


def test_damage_is_named_with_who_needs_it_and_the_next_run_heals(project: Project, flow: str) -> None:
    run = project.run(flow)["run"]
    file, inside = objects(project)["ab"], objects(project)["abab"]
    file.chmod(0o644)
    file.write_text("aX")
    inside.unlink()
    told = cache(project, "verify", code=1)
    assert [(one["what"], one["needed_by"]) for one in told["damaged"]] == [(f"sha256:{file.name}", [f"{run} made"])]
    assert [(one["what"], one["needed_by"]) for one in told["missing"]] == [(f"sha256:{inside.name}", [f"{run} made"])]
    assert not file.exists() and [one.read_text() for one in (project.folder / ".lighterage/damaged").iterdir()] == [
        "aX"
    ]
    assert "run the workflows of these tasks again" in project.call("cache", "verify", code=1).stderr
    again = project.run(flow)
    assert [one["cached"] for one in again["tasks"]] == [False, True]
    assert cache(project, "verify")["sound"]


def test_a_damaged_tree_is_found_though_it_still_reads(project: Project, flow: str) -> None:
    project.run(flow)
    [tree] = [place for text, place in objects(project).items() if text.startswith('{"tree"')]
    tree.chmod(0o644)
    tree.write_text(tree.read_text().replace("inside", "insidE"))
    assert [one["what"] for one in cache(project, "verify", code=1)["damaged"]] == [f"sha256:{tree.name}"]


def test_records_and_results_that_cannot_be_read_are_named(project: Project, flow: str) -> None:
    run = project.run(flow)["run"]
    store = project.folder / ".lighterage"
    (store / "runs" / run / "tasks" / "shown.0.json").write_text('{"format": "lighterage/task/1", "odd": 1}')
    [*_, action] = sorted((store / "actions").iterdir())
    action.chmod(0o644)
    action.write_text('{"outputs"')
    found = {one["what"]: one["why"] for one in cache(project, "verify", code=1)["unreadable"]}
    assert found.keys() == {f"runs/{run}/tasks/shown.0.json", f"actions/{action.name}"}
    assert "was not written whole" in found[f"actions/{action.name}"]


def test_a_store_of_another_version_is_refused(project: Project, flow: str) -> None:
    project.run(flow)
    (project.folder / ".lighterage" / "format").write_text("lighterage/store/9\n")
    assert "lighterage/store/9" in project.call("cache", "verify", code=4).stderr


# --- gc ---


def test_old_runs_go_and_their_objects_with_them(project: Project, flow: str) -> None:
    first = project.run(flow)["run"]
    second = project.run(flow, "-p", "text=cd")["run"]
    age_folder(project.folder / ".lighterage", 2)
    would = project.call("cache", "gc", "--keep-runs", "1", "--dry-run")
    assert would.stdout.split() == [first] and "would free" in would.stderr and len(objects(project)) == 6
    freed = cache(project, "gc", "--keep-runs", "1")
    assert (freed["runs"], freed["results"], freed["objects"]) == ([first], 2, 3)
    assert second in project.call("runs").stdout and first not in project.call("runs").stdout
    assert cache(project, "verify")["sound"]
    assert all(one["cached"] for one in project.run(flow, "-p", "text=cd")["tasks"])
    assert not any(one["cached"] for one in project.run(flow)["tasks"])


def test_the_environment_may_say_which_runs_stay(project: Project, flow: str) -> None:
    project.write(
        {
            "environments/here.yaml": """\
                apiVersion: lighterage/v1
                kind: Environment
                name: here
                store: {url: .lighterage, keep: {runs: 1}}
                sites:
                  here: {target: local}
                """
        }
    )
    first, second = (project.run(flow, "-e", "here", "-p", f"text={text}")["run"] for text in ("ab", "cd"))
    assert cache(project, "gc")["runs"] == [], "the laptop's environment keeps all"
    assert cache(project, "gc", "-e", "here")["runs"] == [first]
    assert [one["run"] for one in json.loads(project.call("runs", "-o", "json").stdout)] == [second]


def test_a_run_that_another_owes_its_results_to_stays(project: Project, flow: str) -> None:
    first, second = project.run(flow)["run"], project.run(flow)["run"]
    assert cache(project, "gc", "--keep-runs", "1")["runs"] == []
    assert {one["run"] for one in json.loads(project.call("runs", "-o", "json").stdout)} == {first, second}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--grace", "1h"), "--grace is at least 1d"), (("--older-than", "soon"), "a duration is a number with a unit")],
)
def test_ages_that_make_no_sense_are_refused(
    project: Project, flow: str, arguments: tuple[str, ...], said: str
) -> None:
    project.run(flow)
    assert said in project.call("cache", "gc", *arguments, code=2).stderr


# --- copy ---


def test_runs_are_copied_whole_and_once(project: Project, flow: str) -> None:
    run = project.run(flow)["run"]
    copied = cache(project, "copy", ".lighterage", "other")
    assert (copied["runs"], copied["objects"], copied["results"], copied["missing"]) == (1, 3, 2, 0)
    again = cache(project, "copy", ".lighterage", "other")
    assert (again["objects"], again["bytes"], again["results"], again["there"]) == (0, 0, 0, 3)
    assert cache(project, "verify", "--store", "other")["sound"]
    assert "wrote ab" in project.call("logs", run, "made", "--store", "other").stdout
    assert all(one["cached"] for one in project.run(flow, "--store", "other")["tasks"])


def test_only_what_is_asked_for_is_copied(project: Project, flow: str) -> None:
    first, _ = (project.run(flow, "-p", f"text={text}")["run"] for text in ("ab", "cd"))
    project.run(project.workflow(FLOW.replace("${parameters.text}", "ef"), name="else"))
    assert cache(project, "copy", ".lighterage", "one", "--runs", first)["runs"] == 1
    assert set(objects(project, "one")) >= {"ab", "abab"} and "cd" not in objects(project, "one")
    assert cache(project, "copy", ".lighterage", "two", "--workflow", "else")["runs"] == 1
    assert "ef" in objects(project, "two") and "ab" not in objects(project, "two")


def test_a_copy_that_was_cut_goes_on(project: Project, flow: str) -> None:
    """Until all of it is there, the target has no such run."""
    run = project.run(flow)["run"]
    cache(project, "copy", ".lighterage", "other")
    (project.folder / "other" / "runs" / run / "run.json").unlink()
    objects(project, "other")["abab"].unlink()
    assert "no run" in project.call("show", run, "--store", "other", code=2).stderr
    assert cache(project, "copy", ".lighterage", "other")["objects"] == 1
    assert run in project.call("show", run, "--store", "other").stdout


def test_what_is_damaged_is_not_copied(project: Project, flow: str) -> None:
    project.run(flow)
    inside = objects(project)["abab"]
    inside.chmod(0o644)
    inside.write_text("abaX")
    assert cache(project, "copy", ".lighterage", "other", code=1)["missing"] == 1
    assert "abaX" not in objects(project, "other")


def test_from_a_folder_to_a_bucket_and_back(project: Project, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run(flow)
    with moto() as server:
        server.lead_to(monkeypatch)
        there = server.url("copied")
        assert cache(project, "copy", ".lighterage", there)["objects"] == 3
        assert all(one["cached"] for one in project.run(flow, "--store", there)["tasks"])
        assert cache(project, "verify", "--store", there)["sound"]
        assert cache(project, "gc", "--store", there, "--keep-runs", "1")["objects"] == 0
        assert cache(project, "copy", there, "back")["objects"] == 3
    assert objects(project, "back").keys() == objects(project).keys()
