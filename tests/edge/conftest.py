"""Real bundles, made by the steps that ship: windows of a sensor, images, and a table with a quantity to tell."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lighterage.launching.columns import Columns, read_columns

from .forging import unpacked


def chain(
    name: str, source: str, split: dict[str, Any], learning: dict[str, Any], variants: list[str]
) -> dict[str, Any]:
    """Tasks from a package's data to a bundle for each variant."""

    def to(task: str, output: str) -> str:
        return f"${{{name}-{task}.{output}}}"

    def use(step: str, **inputs: Any) -> dict[str, Any]:
        return {"uses": f"{step}@1", "with": inputs}

    parts = ("train", "validation", "test")
    fractions = {"train": 0.6, "validation": 0.2, "test": 0.2}
    tasks = {
        "load": use("data/load", source=f"package:{source}"),
        "split": use("data/split", **{"data": to("load", "data"), "seed": 7, "fractions": fractions} | split),
        "prepared": use("features/standardize", clip=4, **{f"raw_{part}": to("split", part) for part in parts}),
        "train": use("train/keras", **{part: to("prepared", part) for part in parts[:2]}, units=[16, 32], **learning),
        "evaluate": use("model/evaluate", model=to("train", "model"), data=to("prepared", "test")),
    }
    tasks["convert"] = use("edge/convert", model=to("train", "model"), data=to("prepared", "test"))
    named = {one.replace("_", "-"): one for one in variants}
    for task, one in named.items():
        made = {"model": to("convert", "tflite"), "variant": one, "calibration": to("prepared", "train")}
        tasks[task] = use("edge/quantize", on_fail="stop", **made)
    models = {"models": [to(task, "tflite") for task in named]}
    rows = {"reference": to("convert", "tflite"), "data": to("prepared", "test")}
    tasks["verify"] = use("edge/verify", **models, **rows)
    for task, one in named.items():
        limits = {"verified": to("verify", "report"), "order": [one], "budget": {"size_kb": 500}}
        tasks[f"{task}-choice"] = use("edge/choose", **models, **limits)
        proven = {"model": to(f"{task}-choice", "tflite"), "report": to(f"{task}-choice", "report")}
        tasks[f"{task}-bundle"] = use("edge/bundle", name=f"{name} {one}", data=to("prepared", "test"), **proven)
    return {f"{name}-{task}": content for task, content in tasks.items()}


MOVING = ["PEN", "ABD", "FEL"]
"""of the chain: what its first stage says of these the second one says again"""


def joined() -> dict[str, Any]:
    """The int8 model, and for some of its answers the float32 one."""
    stages = [{"name": "detect"}, {"name": "classify", "when": {"stage": "detect", "classes": MOVING}}]
    bundles = ["${motion-int8-bundle.bundle}", "${motion-float32-bundle.bundle}"]
    given = {"bundles": bundles, "stages": stages, "data": "${motion-split.test}", "name": "motion twice"}
    return {"motion-chain": {"uses": "edge/chain@1", "with": given}}


def workflow() -> dict[str, Any]:
    windows = {"data": "${motion-load.data}", "size": 2, "stride": 1, "unit": "seconds"}
    by_subject = {"data": "${motion-window.windows}", "by": "subject"}
    tasks = (
        chain("motion", "seglearn.watch", by_subject, {"architecture": "conv1d", "epochs": 2}, ["int8", "float32"])
        | {"motion-window": {"uses": "features/window@1", "with": windows}}
        | joined()
        | chain("digits", "sklearn.digits", {}, {"architecture": "conv2d", "epochs": 3}, ["int8", "dynamic_int8"])
        | chain("diabetes", "sklearn.diabetes", {}, {"architecture": "mlp", "epochs": 20}, ["float32"])
    )
    return {"apiVersion": "lighterage/v1", "kind": "Workflow", "name": "bundles", "tasks": tasks}


def lighterage(*arguments: str | Path, cwd: Path) -> str:
    command = [sys.executable, "-m", "lighterage", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Made:
    """What the workflow's run left in its store."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, run

    def artifact(self, output: str, to: Path) -> Path:
        """A copy of ``TASK.OUTPUT``, free to be damaged."""
        lighterage("get", self.run, output, to, "--store", "store", cwd=self.folder)
        if to.is_dir():
            shutil.copytree(to, own := to.with_name(f"{to.name}-own"))
            shutil.rmtree(to)
            own.rename(to)
        return to


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One run for all tests, and for all workers: who comes second finds it in the cache."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "popen-" in base.name else base) / "bundles"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "bundles.yaml").write_text(json.dumps(workflow()))  # JSON is YAML
        told = lighterage("run", "bundles.yaml", "--store", "store", "-o", "json", cwd=folder)
    return Made(folder, json.loads(told)["run"])


@pytest.fixture(scope="session")
def bundles(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundles' files by name. Not to be changed: see `copied`."""
    folder = tmp_path_factory.mktemp("shipped")
    names = ("motion-int8", "motion-float32", "digits-int8", "digits-dynamic-int8", "diabetes-float32")
    found = {name: made.artifact(f"{name}-bundle.bundle", folder / name) for name in names}
    return found | {"motion-chain": made.artifact("motion-chain.bundle", folder / "motion-chain")}


@pytest.fixture(scope="session")
def judged(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimpleNamespace]:
    """By data set: the rows that judged the model, ``raw`` and ``prepared``, and what `model/evaluate` said."""
    folder = tmp_path_factory.mktemp("judged")

    def data(output: str) -> Columns:
        return read_columns(made.artifact(output, folder / output))

    return {
        name: SimpleNamespace(
            raw=data(f"{name}-split.test"),
            prepared=data(f"{name}-prepared.test"),
            metrics=json.loads(made.artifact(f"{name}-evaluate.metrics", folder / f"{name}.json").read_text()),
            folder=folder,
        )
        for name in ("motion", "digits", "diabetes")
    }


@pytest.fixture
def copied(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A bundle of one's own, unpacked, to be damaged."""
    return unpacked(bundles["motion-int8"], tmp_path / "bundle")
