"""`argo:`, the way out for what the language does not cover."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighterage.diagnostics import Mistakes
from lighterage.targets.argo import compile_plan

from .plans import ENVIRONMENT, plan, task

PATCH = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "low",
    "metadata": {"labels": {"team": "edge"}},
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"team": "edge"}}}
    ]}},
}  # fmt: skip


def test_a_patch_adds_to_what_is_there_and_changes_no_other_task() -> None:
    tasks = [task("a", pool="gpu", argo=PATCH), task("b", pool="gpu")]
    spec = yaml.safe_load(compile_plan(plan(*tasks), ENVIRONMENT)["demo.template.yaml"])["spec"]
    patched, plain = [one for one in spec["templates"] if "container" in one]
    assert patched["nodeSelector"] == {"kind": "gpu", "disk": "fast"}
    assert [one["key"] for one in patched["tolerations"]] == ["nvidia.com/gpu", "spot"]
    assert patched["metadata"]["labels"] == {**plain["metadata"]["labels"], "team": "edge"}
    assert patched["container"] == plain["container"]
    assert "priorityClassName" not in plain


@pytest.mark.parametrize(
    ("patch", "path", "said"),
    [
        ({"container": {"image": "x"}}, "argo.container", "cannot be patched"),
        ({"podSpecPatch": "{}"}, "argo.podSpecPatch", "cannot be patched"),
        ({"nodeSelector": ["a"]}, "argo.nodeSelector", "dictionary"),
        ({"tolerations": [{"kee": "spot"}]}, "argo.tolerations.0.kee", "no field that Argo knows"),
        ({"affinity": {"nodeAfinity": {}}}, "argo.affinity.nodeAfinity", "no field that Argo knows"),
        ({"metadata": {"annotations": {"workflows.argoproj.io/x": "y"}}}, "workflows.argoproj.io/x", "Argo's own"),
        ({"nodeSelector": {"a": "{{workflow.name}}"}}, "argo", "'{{'"),
    ],
)
def test_every_field_is_checked(patch: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(Mistakes) as caught:
        compile_plan(plan(task("a", argo=patch)), ENVIRONMENT)
    [found] = caught.value.diagnostics
    assert (found.code, said in found.message) == ("L504", True), found
    assert ".".join(map(str, found.path)).endswith(path)


@pytest.mark.argocheck
def test_a_cluster_accepts_patched_templates(tmp_path: Path) -> None:
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    crds = Path(os.environ.get("ARGO_CRDS", Path(__file__).parents[4] / "shared" / "argo" / "crds"))
    if not crds.is_dir():
        pytest.skip("ARGO_CRDS names no folder with Argo's CRDs")
    file = tmp_path / "template.yaml"
    file.write_text(compile_plan(plan(task("a", argo=PATCH)), ENVIRONMENT)["demo.template.yaml"])
    told = subprocess.run([argocheck, "crd", "-crds", str(crds), str(file)], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
