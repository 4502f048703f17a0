"""`lighterage edge verify` and `edge run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lighterage.edge import Bundle
from lighterage.launching.columns import Columns, write_columns
from tests.conftest import Project

from .forging import arrays, forge

pytestmark = pytest.mark.tensorflow

Paths = dict[str, Path]
Judged = dict[str, SimpleNamespace]


def answers(project: Project, *arguments: object) -> list[dict[str, object]]:
    told = json.loads(project.call("edge", "run", *map(str, arguments), "-o", "json").stdout)
    return told["predictions"]


def test_verify_tells_what_ran(project: Project, bundles: Paths) -> None:
    done = project.call("edge", "verify", str(bundles["motion-int8"]))
    head, reference, used = done.stdout.splitlines()
    assert head.split()[0] == "kernels"
    assert reference.split() == ["BUILTIN_REF", "16", "of", "16", "16", "of", "16", "0", "0", "ok"]
    assert used.endswith("ok")
    assert "motion int8 is sound" in done.stderr

    told = json.loads(project.call("edge", "verify", str(bundles["motion-int8"]), "-o", "json").stdout)
    assert told["ok"] and told["checks"][0]["exact_rows"] == 16 and told["bundle"]["window"]["size"] == 100


def test_verify_tells_each_stage_of_a_chain(project: Project, bundles: Paths) -> None:
    lines = project.call("edge", "verify", str(bundles["motion-chain"])).stdout.splitlines()
    assert [line.split()[:2] for line in lines[::2]] == [
        ["stage", "kernels"],
        ["detect", "XNNPACK"],
        ["classify", "XNNPACK"],
    ]
    assert all(line.endswith("ok") for line in lines[1:])


def test_a_bundle_for_another_target(project: Project, bundles: Paths, judged: Judged) -> None:
    rows = str(judged["motion"].folder / "motion-split.test")
    for name in ("motion-int8", "motion-chain"):
        project.call("edge", "verify", str(bundles[name]), "--target", "cpu")
        done = project.call("edge", "run", str(bundles[name]), rows, "--target", "micro", code=2)
        assert "[wrong-target] the bundle was proven for the target 'cpu', not for 'micro'" in done.stderr


def test_verify_of_a_model_that_computes_otherwise(project: Project, copied: Path) -> None:
    """The manifest promises another golden output, with a digest that fits."""
    golden = dict(np.load(copied / "golden.npz"))
    forge(copied, "golden.npz", arrays(inputs=golden["inputs"], outputs=golden["outputs"][::-1].copy()))
    done = project.call("edge", "verify", str(copied), code=1)
    assert "FAILED" in done.stdout and "does not compute here what was proven" in done.stderr


def test_a_damaged_bundle_is_an_invalid_file(project: Project, copied: Path) -> None:
    (copied / "model.tflite").write_bytes(b"TFL3")
    done = project.call("edge", "verify", str(copied), code=2)
    assert done.stderr.startswith("Error: [damaged-file] model.tflite has 4 bytes") and done.stdout == ""
    assert "[not-a-bundle]" in project.call("edge", "verify", "nowhere", code=2).stderr


def test_datasets_of_every_stage_give_the_same_answers(project: Project, bundles: Paths, judged: Judged) -> None:
    data = judged["motion"]
    raw = answers(project, bundles["motion-int8"], data.folder / "motion-split.test")
    prepared = answers(project, bundles["motion-int8"], data.folder / "motion-prepared.test")
    expected = Bundle.load(bundles["motion-int8"]).predict(data.raw.features())
    chained = answers(project, bundles["motion-chain"], data.folder / "motion-prepared.test")
    assert {one["stage"] for one in chained} == {"detect", "classify"} and len(chained) == len(raw)
    assert raw == prepared == [{"at": one.at, "label": one.label, "score": one.score} for one in expected]


def test_a_sensors_samples_from_csv_npy_and_recordings(project: Project, bundles: Paths) -> None:
    samples = np.random.default_rng(1).normal(size=(400, 6)).astype(np.float32)
    names = ["acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"]
    np.save(project.folder / "samples.npy", samples)
    lines = [",".join(map(repr, row)) for row in samples.astype(float)[:, ::-1].tolist()]
    (project.folder / "samples.csv").write_text("\n".join([",".join(names[::-1]), *lines]))  # columns go by name
    recording = np.repeat([5, 3], 200)
    columns = Columns(
        dict(zip(names, samples.T, strict=True)) | {"who": recording}, roles={"who": "group"}, rate_hz=50.0
    )
    write_columns(columns, project.folder / "recorded")

    whole = answers(project, bundles["motion-int8"], "samples.npy")
    assert [one["at"] for one in whole] == [0, 50, 100, 150, 200, 250, 300]
    assert answers(project, bundles["motion-int8"], "samples.csv") == whole
    assert len(answers(project, bundles["motion-int8"], "samples.npy", "--hop", "100")) == 4
    split = answers(project, bundles["motion-int8"], "recorded")
    assert [(one["recording"], one["at"]) for one in split] == [(0, 0), (0, 50), (0, 100), (1, 0), (1, 50), (1, 100)]
    assert split[3]["score"] == whole[4]["score"]


def test_a_table_goes_by_the_names_of_its_columns(project: Project, bundles: Paths, judged: Judged) -> None:
    raw = judged["diabetes"].raw
    names = raw.named("feature")[::-1]
    lines = [",".join(repr(float(raw.values[name][row])) for name in names) for row in range(20)]
    (project.folder / "table.csv").write_text("\n".join([",".join(names), *lines]))
    expected = Bundle.load(bundles["diabetes-float32"]).predict(raw.features()[:20])
    found = answers(project, bundles["diabetes-float32"], "table.csv")
    assert [one["score"] for one in found] == pytest.approx([one.score for one in expected])

    text = project.call("edge", "run", str(bundles["diabetes-float32"]), "table.csv").stdout.splitlines()
    assert text[0].split() == ["at", "label", "score"] and len(text) == 21

    (project.folder / "table.csv").write_text("age,sex\n1,2\n")
    done = project.call("edge", "run", str(bundles["diabetes-float32"]), "table.csv", code=2)
    assert "table.csv lacks the columns bmi, bp, s1" in done.stderr and "it has age, sex" in done.stderr


def test_data_that_was_prepared_otherwise(project: Project, bundles: Paths, judged: Judged) -> None:
    source = str(judged["digits"].folder / "digits-prepared.test")
    done = project.call("edge", "run", str(bundles["motion-int8"]), source, code=2)
    assert "went through standardize, with other operations or figures" in done.stderr


BLOCKED = """
import sys
blocked = sys.argv.pop(1).split(",")
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(f"no {name} here")
sys.meta_path.insert(0, Blocker())
import lighterage.cli
lighterage.cli.main()
"""


def without(modules: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED, modules, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})


def test_neither_tensorflow_nor_keras_is_needed(bundles: Paths, judged: Judged) -> None:
    heavy = "tensorflow,keras,hera,fsspec,sklearn,pandas"
    assert without(heavy, "edge", "verify", bundles["motion-int8"]).returncode == 0
    rows = judged["digits"].folder / "digits-split.test"
    assert without(heavy, "edge", "run", bundles["digits-int8"], rows).returncode == 0


def test_a_machine_without_the_runtime(bundles: Paths) -> None:
    for absent in ("ai_edge_litert", "numpy"):
        done = without(absent, "edge", "verify", bundles["motion-int8"])
        assert done.returncode == 3
        assert "pip install 'lighterage[litert]'" in done.stderr and "Traceback" not in done.stderr
