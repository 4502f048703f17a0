"""Manifests as they were last approved. `python -m tests.golden` writes them anew; look at the difference before committing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lighterage.planning import plan_workflow
from lighterage.reading import read_document
from lighterage.schemas.plan import Plan
from lighterage.targets.argo import compile_plan

from ..targets.argo.plans import ENVIRONMENT, plan, step, task

ASKED = step(
    "approve",
    python=None,
    inputs={},
    outputs={"more": {"type": "integer"}, "comment": {"type": "string", "default": "fine"}},
)
PROGRAM = step(
    "demo/convert",
    python=None,
    command=["/convert", "${inputs.a}", "${code}/rules.txt", "${outputs.page}"],
    image="registry.example/tools/convert:1",
    outputs={"page": {"type": "file"}},
    uses="./convert",
)
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
CLUSTERS = ("aks", "eks", "gke", "onprem")


def everything() -> Plan:
    """One small plan with a bit of everything."""
    parameters: dict[str, Any] = {
        "rounds": {"type": "integer", "minimum": 1},
        "word": {"type": "string", "enum": ["yes", "1e-3"]},
    }
    parameters["sizes"] = {"type": "list", "items": {"type": "integer"}}
    return plan(
        task(
            "first",
            inputs={"a": {"$ref": "parameters.rounds"}},
            retry={"limit": 2, "backoff": 30.0, "factor": 2.0, "max": 600.0},
        ),
        task("sweep", "first", matrix={"units": [16, 32, 64]}, max_parallel=2, timeout=90.0),
        task(
            "hungry",
            "first",
            retry={"limit": 2, "backoff": 1.0, "factor": 1.0, "max": 1.0},
            resources={"cpu": 0.5, "memory": 2**30, "disk": 10 * 2**30, "grow": {"memory": 2, "disk": 1.5}},
        ),
        task(
            "gated",
            "first",
            when=["and", [">=", {"$ref": "first.sum"}, 0.9], ["==", {"$ref": "parameters.word"}, "yes"]],
        ),
        task("tuned", "first", matrix={"rate": ["yes", "$(HOME)"]}, when=[">", {"$ref": "first.sum"}, 0.5]),
        task(
            "optional",
            "first",
            allow_failure=True,
            resources={"cpu": 0.5, "memory": 3 * 2**29, "accelerator": {"kind": "gpu", "count": 2}},
            pool="gpu",
        ),
        task("listed", "first", for_each={"$ref": "first.items"}, inputs={"a": {"$ref": "item.size"}}, max_parallel=3),
        task("given", for_each={"$ref": "parameters.sizes"}, inputs={"a": {"$ref": "item"}}),
        task(
            "improve",
            "first",
            inputs={"a": {"$ref": "carried.best"}},
            repeat={
                "times": 5,
                "until": [">=", {"$ref": "improve.sum"}, 0.9],
                "start": {"best": {"$ref": "first.sum"}},
                "carry": {"best": "sum"},
            },
        ),
        task(
            "ask",
            "first",
            step="approve:1",
            inputs={},
            approve={"message": "Ship it?", "timeout": 3600.0, "otherwise": "reject"},
        ),
        task("convert", "first", step="./convert"),
        task("last", "gated", "sweep", "listed", "ask", "improve"),
        steps={"demo/add@1": step(), "approve:1": ASKED, "./convert": PROGRAM},
        parameters=parameters,
        arguments={"rounds": 3, "word": "1e-3", "sizes": [1, 2]},
        description="A bit of everything",
        on_exit=[
            task(
                "on-exit-1",
                inputs={"a": {"$ref": "parameters.rounds"}},
                when=["!=", {"$ref": "run.status"}, "succeeded"],
            ),
            task("on-exit-2"),
        ],
    )


def shipped(workflow: str, environment: str) -> dict[str, str]:
    """File name -> text, of a workflow and an environment that ship."""
    found = plan_workflow(
        read_document(ROOT / "workflows" / f"{workflow}.yaml"),
        read_document(ROOT / "environments" / f"{environment}.yaml"),
        {},
    )
    assert found.plan and found.environment, found.found
    return compile_plan(found.plan, found.environment)


def manifests() -> dict[str, str]:
    """File below this folder -> text: of that small plan, and of every shipped workflow for every shipped cluster."""
    sets = {"demo": compile_plan(everything(), ENVIRONMENT)}
    for file in sorted((ROOT / "workflows").glob("*.yaml")):
        for environment in CLUSTERS:
            sets[f"{file.stem}/{environment}"] = shipped(file.stem, environment)
    return {f"{folder}/{name}": text for folder, files in sets.items() for name, text in files.items()}


def approved() -> dict[str, str]:
    """The same as they lie here."""
    return {file.relative_to(FOLDER).as_posix(): file.read_text(encoding="utf-8") for file in FOLDER.rglob("*.yaml")}


def write() -> None:
    for name in approved():
        (FOLDER / name).unlink()
    for name, text in manifests().items():
        place = FOLDER / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
