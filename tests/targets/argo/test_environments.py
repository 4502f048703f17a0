"""Shipped environments: what a user edits in minutes becomes manifests that a cluster and its scanners accept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighterage.catalog import shipped_environments
from lighterage.diagnostics import Mistakes, render
from lighterage.planning import plan_workflow
from lighterage.reading import check, read_document
from lighterage.schemas.environment import Environment
from lighterage.schemas.plan import Plan
from lighterage.targets.argo import compile_plan

ROOT = Path(__file__).parents[3]
CRDS = Path(os.environ.get("ARGO_CRDS", ROOT.parent / "shared/argo/crds"))
WORKFLOWS = sorted(file.stem for file in (ROOT / "workflows").glob("*.yaml"))


def environment_file(name: str) -> Path:
    return ROOT / "environments" / f"{name}.yaml"


def environment_in(file: Path) -> Environment:
    """The environment in a file. Raises Mistakes."""
    found, mistakes = check(read_document(file), Environment)
    if found is None:
        raise Mistakes(mistakes)
    return found


CLUSTERS = [
    name
    for name in shipped_environments()
    if any(site.target == "argo" for site in environment_in(environment_file(name)).sites.values())
]
POOLS = [
    (name, pool)
    for name in CLUSTERS
    for site in environment_in(environment_file(name)).sites.values()
    for pool in site.pools
]
each_pair = pytest.mark.parametrize(
    ("workflow", "cluster"), [(workflow, cluster) for workflow in WORKFLOWS for cluster in CLUSTERS]
)


def planned(workflow: Path, environment: Path) -> tuple[Plan, Environment]:
    told = plan_workflow(read_document(workflow), read_document(environment), {})
    if told.plan is None or told.environment is None:
        raise Mistakes(told.found)
    return told.plan, told.environment


def compiled(workflow: str, cluster: str, form: Any = "template") -> dict[str, str]:
    return compile_plan(*planned(ROOT / "workflows" / f"{workflow}.yaml", environment_file(cluster)), form)


def edited(folder: Path, cluster: str, before: str, after: str) -> Path:
    """A user's copy of a shipped environment, with one place edited."""
    text = environment_file(cluster).read_text(encoding="utf-8")
    assert before in text
    file = folder / f"{cluster}.yaml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    return file


def spec_of(files: dict[str, str]) -> dict[str, Any]:
    [text] = [text for name, text in files.items() if name.endswith(".template.yaml")]
    return yaml.safe_load(text)["spec"]


def pods_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in spec["templates"] if "container" in one]


def object_of(files: dict[str, str], kind: str) -> dict[str, Any]:
    [found] = [one for one in yaml.safe_load_all(files["rbac.yaml"]) if one["kind"] == kind]
    return found


def containers_of(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The task's own containers, each with what a set gives to all of its."""
    together = template.get("containerSet")
    if together is None:
        return [{"name": "main"} | template["container"]]
    all_mount = together["volumeMounts"]
    return [one | {"volumeMounts": one.get("volumeMounts", []) + all_mount} for one in together["containers"]]


def kubernetes_pod(spec: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    """The pod that Argo makes of a template: its own two containers get nothing but what the patch says."""
    patch = json.loads(spec["podSpecPatch"])
    [init], [wait] = patch["initContainers"], patch["containers"]
    own = containers_of(template)
    main = [{name: value for name, value in one.items() if name != "dependencies"} for one in own]
    body = {
        "securityContext": spec["securityContext"],
        "initContainers": [{"image": "argoexec"} | init],
        "containers": [{"image": "argoexec"} | wait, *main],
        "volumes": spec["volumes"] + json.loads(template.get("podSpecPatch", "{}")).get("volumes", []),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": template["name"]}, "spec": body}


def written(folder: Path, files: dict[str, str]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in files]


def test_four_clusters_ship() -> None:
    assert CLUSTERS == ["aks", "eks", "gke", "onprem"]


@pytest.mark.argocheck
@each_pair
def test_a_cluster_accepts_what_ships(workflow: str, cluster: str, tmp_path: Path) -> None:
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    if not CRDS.is_dir():
        pytest.skip("ARGO_CRDS names no folder with Argo's CRDs")
    for form in ("template", "workflow"):
        files = [file for file in written(tmp_path / form, compiled(workflow, cluster, form)) if "rbac" not in file]
        told = subprocess.run([argocheck, "crd", "-crds", str(CRDS), *files], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout


@pytest.mark.argocheck
@each_pair
def test_every_pod_is_restricted(workflow: str, cluster: str, tmp_path: Path) -> None:
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    spec = spec_of(compiled(workflow, cluster))
    made = [kubernetes_pod(spec, template) for template in pods_of(spec)]
    files = written(tmp_path, {f"{pod['metadata']['name']}.yaml": yaml.safe_dump(pod) for pod in made})
    told = subprocess.run([argocheck, "pss", "-level", "restricted", *files], capture_output=True, text=True)
    assert files
    assert told.returncode == 0, told.stdout


@pytest.mark.argo
@each_pair
def test_argo_lint_accepts_what_ships(workflow: str, cluster: str, tmp_path: Path) -> None:
    argo = shutil.which("argo") or pytest.skip("argo is not on the PATH")
    for form in ("template", "workflow"):
        files = written(tmp_path / form, compiled(workflow, cluster, form))
        told = subprocess.run([argo, "lint", "--offline", "--strict", *files], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr


def test_checkov_finds_nothing(tmp_path: Path) -> None:
    checkov = shutil.which("checkov") or pytest.skip("checkov is not on the PATH: uv tool install checkov")
    for cluster in CLUSTERS:
        for workflow in WORKFLOWS:
            for form in ("template", "workflow"):
                written(tmp_path / cluster / form, compiled(workflow, cluster, form))
    frameworks = ["argo_workflows", "kubernetes", "secrets"]
    told = subprocess.run(
        [checkov, "-d", str(tmp_path), "--framework", *frameworks, "--skip-download", "--compact", "-o", "json"],
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    reports = json.loads(told.stdout)
    assert {one["check_type"]: one["summary"]["failed"] for one in reports} == {"argo_workflows": 0, "kubernetes": 0}
    passed = {one["check_type"]: one["summary"]["passed"] for one in reports}
    assert passed["argo_workflows"] == 2 * 2 * len(CLUSTERS) * len(WORKFLOWS), "two rules, template and workflow"


@pytest.mark.parametrize(
    ("cluster", "annotation"),
    [
        ("gke", "iam.gke.io/gcp-service-account"),
        ("eks", "eks.amazonaws.com/role-arn"),
        ("aks", "azure.workload.identity/client-id"),
    ],
)
def test_in_a_cloud_the_service_account_stands_for_an_identity_and_there_is_no_key(
    cluster: str, annotation: str
) -> None:
    files = compiled("digits", cluster)
    spec = spec_of(files)
    account = object_of(files, "ServiceAccount")["metadata"]
    assert list(account["annotations"]) == [annotation]
    assert spec["serviceAccountName"] == account["name"]
    assert not [one for pod in pods_of(spec) for one in pod["container"]["env"] if "valueFrom" in one]


def test_azure_gives_an_identity_to_pods_that_say_so() -> None:
    labels = spec_of(compiled("digits", "aks"))["podMetadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    assert labels["app.kubernetes.io/name"] == "digits"


def test_the_key_of_an_object_store_is_referred_to_in_every_pod() -> None:
    wanted = {
        "AWS_ACCESS_KEY_ID": {"name": "lighterage-store", "key": "access-key"},
        "AWS_SECRET_ACCESS_KEY": {"name": "lighterage-store", "key": "secret-key"},
    }
    for pod in pods_of(spec_of(compiled("digits", "onprem"))):
        variables = {one["name"]: one for one in pod["container"]["env"]}
        assert variables["AWS_ENDPOINT_URL"]["value"].startswith("http://")
        for name, reference in wanted.items():
            assert variables[name] == {"name": name, "valueFrom": {"secretKeyRef": reference}}


SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "hunter1",
    "MINIO_PASSWORD": "hunter2",
    "PLAIN": "AKIAIOSFODNN7EXAMPLE",
    "OTHER": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "PROXY": "http://user:hunter2@proxy:3128",
    "AZURE": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b2s=",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_a_secret_written_down_is_refused_and_not_repeated(name: str, form: str, tmp_path: Path) -> None:
    line = f'AWS_DEFAULT_REGION: "x", {name}: "{SECRETS[name]}"'
    file = edited(tmp_path, "eks", "    env:\n      AWS_DEFAULT_REGION: eu-central-1", f"    env: {{{line}}}\n     ")
    with pytest.raises(Mistakes) as caught:
        environment_in(file)
    told = render(caught.value.diagnostics, form)
    assert f"{name} looks like a secret" in told
    assert SECRETS[name] not in told


@pytest.mark.parametrize(
    ("before", "line"), [("s3://my-bucket", 13), ("s3://my-data", 14)], ids=["store", "value that steps are given"]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(before: str, line: int, tmp_path: Path) -> None:
    file = edited(tmp_path, "eks", before, before.replace("://", "://user:hunter2@"))
    with pytest.raises(Mistakes) as caught:
        environment_in(file)
    assert [(one.code, one.line) for one in caught.value.diagnostics] == [("L104", line)]
    assert "hunter2" not in render(caught.value.diagnostics, "text") + render(caught.value.diagnostics, "json")


def test_a_password_in_a_store_named_elsewhere_reaches_no_manifest() -> None:
    plan, environment = planned(ROOT / "workflows/digits.yaml", environment_file("eks"))
    with pytest.raises(Mistakes) as caught:
        compile_plan(plan.model_copy(update={"store": "s3://user:hunter2@bucket"}), environment)
    assert [one.code for one in caught.value.diagnostics] == ["L503"]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/gcp/config.json"),
        ("AZURE_CLIENT_ID", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
        ("AWS_ENDPOINT_URL", "https://objects.example:9000/a@b"),
        ("REVISION", "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730"),
        ("KERAS_BACKEND", "tensorflow"),
    ],
)
def test_what_only_resembles_a_secret_is_taken(name: str, value: str, tmp_path: Path) -> None:
    file = edited(tmp_path, "eks", "AWS_DEFAULT_REGION: eu-central-1", f'{name}: "{value}"')
    assert environment_in(file).sites["cloud"].env == {name: value}


def test_nobody_replaces_anything_in_a_variables_value(tmp_path: Path) -> None:
    digits = ROOT / "workflows/digits.yaml"
    file = edited(tmp_path, "eks", "AWS_DEFAULT_REGION: eu-central-1", "PROMPT: $(HOME) costs $5 or $$")
    pod = pods_of(spec_of(compile_plan(*planned(digits, file))))[0]
    assert {"name": "PROMPT", "value": "$$(HOME) costs $$5 or $$$$"} in pod["container"]["env"]
    file = edited(tmp_path, "eks", "AWS_DEFAULT_REGION: eu-central-1", 'PROMPT: "{{workflow.name}}"')
    with pytest.raises(Mistakes) as caught:
        compile_plan(*planned(digits, file))
    assert [(one.code, one.path) for one in caught.value.diagnostics] == [("L504", ("sites", "cloud", "env", "PROMPT"))]


@pytest.mark.parametrize(("cluster", "pool"), POOLS)
def test_a_placement_brings_a_task_and_no_other_to_the_pools_nodes(cluster: str, pool: str, tmp_path: Path) -> None:
    placement = f'placement: [{{tasks: "train*", pool: {pool}}}]'
    file = edited(tmp_path, cluster, "placement: []", placement)
    plan, environment = planned(ROOT / "workflows/digits.yaml", file)
    pods = {pod["name"].rpartition("-")[0]: pod for pod in pods_of(spec_of(compile_plan(plan, environment)))}
    wanted = next(iter(environment.sites.values())).pools[pool]
    trains = pods.pop("train-keras")
    assert trains.get("nodeSelector", {}) == wanted.node_selector
    assert trains.get("tolerations", []) == [one.model_dump(exclude_none=True) for one in wanted.tolerations]
    assert pods and not any("nodeSelector" in one or "tolerations" in one for one in pods.values())


@pytest.mark.parametrize(
    ("cluster", "kind", "resource"),
    [(cluster, "gpu", "nvidia.com/gpu") for cluster in CLUSTERS] + [("gke", "tpu", "google.com/tpu")],
)
def test_accelerators_are_asked_for_by_kubernetes_names(cluster: str, kind: str, resource: str, tmp_path: Path) -> None:
    text = (ROOT / "workflows/digits.yaml").read_text(encoding="utf-8")
    workflow = tmp_path / "digits.yaml"
    wants = f"uses: train/keras@1\n    resources: {{accelerator: {{kind: {kind}, count: 4}}}}"
    workflow.write_text(text.replace("uses: train/keras@1", wants), encoding="utf-8")
    file = edited(tmp_path, cluster, "placement: []", f"placement: [{{tasks: train, pool: {kind}}}]")
    spec = spec_of(compile_plan(*planned(workflow, file)))
    asked = {
        pod["name"].rpartition("-")[0]: pod["container"]["resources"]["limits"].get(resource) for pod in pods_of(spec)
    }
    assert asked.pop("train-keras") == "4"
    assert set(asked.values()) == {None}


def test_lifetimes_are_the_environments(tmp_path: Path) -> None:
    spec = spec_of(compiled("digits", "onprem"))
    assert spec["activeDeadlineSeconds"] == 2 * 24 * 60 * 60
    assert spec["ttlStrategy"] == {"secondsAfterSuccess": 604800, "secondsAfterFailure": 2592000}
    assert spec["podGC"] == {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"}
    file = edited(tmp_path, "onprem", "strategy: OnPodSuccess, delay: 10m", "strategy: OnWorkflowSuccess, delay: 1.5s")
    spec = spec_of(compile_plan(*planned(ROOT / "workflows/digits.yaml", file)))
    assert spec["podGC"] == {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "2s"}


def test_images_come_with_the_registrys_secret(tmp_path: Path) -> None:
    file = edited(tmp_path, "onprem", "image_pull_secrets: []", "image_pull_secrets: [registry]")
    spec = spec_of(compile_plan(*planned(ROOT / "workflows/digits.yaml", file)))
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "pod_labels: {azure.workload.identity/use",
            "pod_labels: {app.kubernetes.io/name",
            "set by lighterage or Argo",
        ),
        ("operator: Equal, value: gpu", "operator: Exists, value: gpu", "operator: Exists has no value"),
        ("key: sku, operator", "key: sku, effects", "unknown field 'effects'"),
        ("effect: NoSchedule", "effect: Never", "must be 'NoSchedule'"),
        ('azure.workload.identity/use: "true"', 'azure.workload.identity/use: "{{x}}"', "as Kubernetes' labels"),
        ("deadline: 2d", "deadline: two days", "a duration is a number with a unit"),
        ("target: argo", "target: local", "a local site has no context, deadline, env"),
    ],
)
def test_what_kubernetes_would_refuse_is_a_diagnostic(before: str, after: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(Mistakes) as caught:
        environment_in(edited(tmp_path, "aks", before, after))
    assert message in render(caught.value.diagnostics, "text")
