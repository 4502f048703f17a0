"""Pods as a manifest describes them, started here one after the other: what the launcher makes of its arguments."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighterage.launching.__main__ import main
from lighterage.schemas.plan import Plan
from lighterage.storing import open_store
from lighterage.targets.argo import compile_plan

from .plans import ENVIRONMENT, plan, step, task

LARGEST_ARGUMENT = 128 * 1024
ECHO = step(
    command=["python3", "-c", "import os, shutil; shutil.copy(os.environ['LIGHTERAGE_INPUTS'], '${outputs.told}')"],
    python=None,
    inputs={"a": {"type": "string"}},
    outputs={"told": {"type": "object"}, "maybe": {"type": "string", "optional": True}},
)
HOSTILE = [
    "",
    "{{workflow.name}}",
    "{{=1/0}}",
    "{{{{x}}}}",
    "'; id; '",
    "$(id) `id` ${inputs.a}",
    "$(HOME) $$ $$(HOME) $$$(HOME) $",
    '"\\',
    "a\nb\r\tc",
    "\x00\x07\x1b\x7f",
    "é漢😀\U000e0001\u202e",
    "@/etc/passwd",
    "--index",
    "x" * 200_000,
]


def start(
    compiled: Plan, name: str, folder: Path, parameters: dict[str, str] | None = None, index: int = 0
) -> dict[str, Any]:
    """Does with one task what Argo and Kubernetes do: replaces, moves long arguments to files, starts."""
    spec = yaml.load(compile_plan(compiled, ENVIRONMENT)["demo.template.yaml"], yaml.CSafeLoader)["spec"]
    templates = {one["name"]: one for one in spec["templates"]}
    entries = [one for dag in ("main", "on-exit") if dag in templates for one in templates[dag]["dag"]["tasks"]]
    [entry] = [one for one in entries if one["name"] == name]
    given = {
        "inputs.parameters.fan-in": "{}",
        "inputs.parameters.index": str(index),
        "workflow.uid": "1",
        "workflow.name": "r",
    }
    given |= {f"inputs.parameters.{one['name']}": one["value"] for one in entry["arguments"]["parameters"]}
    for one, value in (parameters or {}).items():
        given["workflow.status"] = value
        given[f"inputs.parameters.answer-{one}"] = b64encode(value.encode()).decode()
        given[f"workflow.parameters.{one}"] = value
        given[f"=sprig.b64enc(workflow.parameters.{one})"] = b64encode(value.encode()).decode()
    arguments = []
    template = templates[entry["template"]]
    if "dag" in template:
        template = next(one for part in template["dag"]["tasks"] if "container" in (one := templates[part["template"]]))
    for number, text in enumerate(template["container"]["args"]):
        for tag, value in given.items():
            text = text.replace(f"{{{{{tag}}}}}", value)
        text = re.sub(r"\$\$|\$\(HOME\)", lambda match: "$" if match[0] == "$$" else "/tmp", text)
        if len(text.encode()) > LARGEST_ARGUMENT:
            (folder / f"{name}-{number}").write_text(text, encoding="utf-8")
            text = f"@{folder / f'{name}-{number}'}"
        arguments.append(text)
    places = {"--store": folder / "store", "--workspace": folder, "--outputs": folder / "outputs"}
    for option, place in places.items():
        arguments[arguments.index(option) + 1] = str(place)

    code = main(arguments)

    record = open_store(str(folder / "store")).read_record("r.1", name, index)
    return {"code": code, "status": record and record.status, "outputs": record.outputs if record else {}}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: json.dumps(text)[:20])
def test_any_text_reaches_the_step_as_it_was_written(hostile: str, tmp_path: Path) -> None:
    compiled = plan(task("t", inputs={"a": hostile}), steps={"demo/add@1": ECHO})
    assert start(compiled, "t", tmp_path)["outputs"]["told"] == {"a": hostile}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: json.dumps(text)[:20])
def test_any_text_given_at_submission_reaches_the_step(hostile: str, tmp_path: Path) -> None:
    compiled = plan(
        task("t", inputs={"a": {"$ref": "parameters.word"}}),
        parameters={"word": {"type": "string"}},
        arguments={"word": "a"},
        steps={"demo/add@1": ECHO},
    )
    assert start(compiled, "t", tmp_path, {"word": hostile})["outputs"]["told"] == {"a": hostile}


def test_parameters_arrive_typed_and_bad_ones_end_in_64(tmp_path: Path) -> None:
    port = {"type": "integer", "minimum": 1}
    echo = ECHO.model_copy(update={"inputs": plan(parameters={"a": port}).parameters})
    compiled = plan(
        task("t", inputs={"a": {"$ref": "parameters.epochs"}}),
        parameters={"epochs": port},
        arguments={"epochs": 3},
        steps={"demo/add@1": echo},
    )
    assert start(compiled, "t", tmp_path, {"epochs": "5"})["outputs"]["told"] == {"a": 5}
    for wrong in ("0", "five", "1.5", ""):
        assert start(compiled, "t", tmp_path, {"epochs": wrong})["code"] == 64


def test_a_pod_that_did_nothing_is_followed_by_pods_that_do_nothing(tmp_path: Path) -> None:
    compiled = plan(
        task("a", inputs={"a": "x"}),
        task("idle", "a", inputs={"a": "x"}, when=["==", {"$ref": "a.maybe"}, "x"]),
        task("after", "idle", inputs={"a": "x"}),
        steps={"demo/add@1": ECHO},
    )
    told = [start(compiled, name, tmp_path) for name in ("a", "idle", "after")]
    assert [(one["code"], one["status"]) for one in told] == [(0, "succeeded"), (0, "skipped"), (0, "skipped")]


def test_a_pod_for_each_item_and_one_that_gathers_them(tmp_path: Path) -> None:
    lists = step(
        name="demo/list",
        command=["python3", "-c", 'open(\'${outputs.items}\', \'w\').write(\'[{"a": "x"}, {"a": "y"}]\')'],
        python=None,
        inputs={},
        outputs={"items": {"type": "list", "items": {"type": "object"}}},
    )
    gather = ECHO.model_copy(update={"inputs": step(inputs={"all": {"type": "list"}}).inputs})
    compiled = plan(
        task("list", inputs={}, step="demo/list@1"),
        task("each", "list", for_each={"$ref": "list.items"}, inputs={"a": {"$ref": "item.a"}}),
        task("all", "each", inputs={"all": {"$ref": "each.told"}}, step="demo/gather@1"),
        steps={"demo/list@1": lists, "demo/add@1": ECHO, "demo/gather@1": gather},
    )
    start(compiled, "list", tmp_path)
    assert (tmp_path / "outputs" / "items-count").read_text() == "2"
    assert [start(compiled, "each", tmp_path, index=index)["outputs"]["told"] for index in (1, 0)] == [
        {"a": "y"},
        {"a": "x"},
    ]
    assert start(compiled, "all", tmp_path)["outputs"]["told"] == {"all": [{"a": "x"}, {"a": "y"}]}


@pytest.mark.parametrize(("ended", "told"), [("Succeeded", "succeeded"), ("Failed", "failed"), ("Error", "failed")])
def test_what_follows_the_run_is_told_how_it_ended(ended: str, told: str, tmp_path: Path) -> None:
    facts = ECHO.model_copy(
        update={"inputs": step(inputs={"status": {"type": "string"}, "failed": {"type": "list"}}).inputs}
    )
    wrong = step(name="demo/wrong", command=["false"], python=None, inputs={}, outputs={})
    inputs = {"status": {"$ref": "run.status"}, "failed": {"$ref": "run.failed"}}
    compiled = plan(
        task("bad", inputs={}, step="demo/wrong@1"),
        on_exit=[task("on-exit-1", inputs=inputs)],
        steps={"demo/add@1": facts, "demo/wrong@1": wrong},
    )
    assert start(compiled, "bad", tmp_path)["code"] == 1
    after = start(compiled, "on-exit-1", tmp_path, {"status": ended})
    assert after["outputs"]["told"] == {"status": told, "failed": ["bad"]}


@pytest.mark.parametrize(
    ("answer", "status", "outputs"),
    [
        ({"approved": "yes", "more": "3", "comment": "a 'b'"}, "succeeded", {"more": 3, "comment": "a 'b'"}),
        ({"approved": "yes", "more": "0", "comment": ""}, "failed", {}),
        ({"approved": "no", "more": "", "comment": ""}, "failed", {}),
    ],
)
def test_a_persons_answer_becomes_a_record(
    answer: dict[str, str], status: str, outputs: dict[str, Any], tmp_path: Path
) -> None:
    ports = {"more": {"type": "integer", "minimum": 1}, "comment": {"type": "string"}}
    asked = step("approve", python=None, inputs={}, outputs=ports)
    compiled = plan(task("ask", inputs={}, step="approve:1", approve={"message": "Go?"}), steps={"approve:1": asked})
    told = start(compiled, "ask", tmp_path, answer)
    assert (told["status"], told["outputs"]) == (status, outputs)


def test_rounds_carry_on_until_it_is_enough(tmp_path: Path) -> None:
    grow = step(
        command=[
            "python3",
            "-c",
            "import json, os; n = json.load(open(os.environ['LIGHTERAGE_INPUTS']))['n']; open('${outputs.n2}', 'w').write(str(n * 2))",
        ],
        python=None,
        inputs={"n": {"type": "integer"}},
        outputs={"n2": {"type": "integer"}},
    )
    rounds = {"times": 5, "until": [">=", {"$ref": "grow.n2"}, 10], "start": {"n": 2}, "carry": {"n": "n2"}}
    compiled = plan(
        task("grow", inputs={"n": {"$ref": "carried.n"}}, repeat=rounds),
        task("after", "grow", inputs={"n": {"$ref": "grow.n2"}}),
        steps={"demo/add@1": grow},
    )
    for index, value, again in ((0, 4, "yes"), (1, 8, "yes"), (2, 16, "no")):
        assert start(compiled, "grow", tmp_path, index=index)["outputs"] == {"n2": value}
        assert (tmp_path / "outputs" / "repeat-again").read_text() == again
    assert start(compiled, "after", tmp_path)["outputs"] == {"n2": 32}


def test_what_a_pod_prints_is_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The pod is deleted some day. A process left running in the background holds nothing up."""
    talks = step(
        name="demo/talk",
        command=["sh", "-c", "echo one; echo two >&2; sleep 60 & exit 3"],
        python=None,
        inputs={},
        outputs={},
    )
    compiled = plan(task("t", inputs={}, step="demo/talk@1"), steps={"demo/talk@1": talks})
    assert start(compiled, "t", tmp_path)["code"] == 3
    with open_store(str(tmp_path / "store")).open_log("r.1", "t") as log:
        kept = log.read().decode()
    assert kept.startswith("one\ntwo\n")
    # pytest takes what this process prints before it comes to the pipe, so that its lines may stand between
    assert set(kept.splitlines()) <= set(capfd.readouterr().out.splitlines())
