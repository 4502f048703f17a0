"""Manifests: their bytes, their limits, and what Argo itself says of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lighterage.diagnostics import Mistakes
from lighterage.schemas.environment import Environment, StoreLocation
from lighterage.schemas.plan import Plan, TaskSpec
from lighterage.schemas.workflow import Concurrency, Schedule, Semaphore
from lighterage.targets.argo import compile_plan
from lighterage.targets.argo.arguments import inert

from ...golden import approved, everything, manifests
from .plans import ENVIRONMENT, chain, plan, step, task

ROOT = Path(__file__).parents[3]
CRDS = Path(os.environ.get("ARGO_CRDS", ROOT.parent / "shared/argo/crds"))


def spec_of(compiled: Plan) -> dict[str, Any]:
    return yaml.load(compile_plan(compiled, ENVIRONMENT)["demo.template.yaml"], yaml.CSafeLoader)["spec"]


def entries(spec: dict[str, Any], dag: str = "main") -> dict[str, dict[str, Any]]:
    [template] = [one for one in spec["templates"] if one["name"] == dag]
    return {entry["name"]: entry for entry in template["dag"]["tasks"]}


def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in spec["templates"] if "container" in one]


def test_manifests_are_as_approved() -> None:
    now, then = manifests(), approved()
    assert now.keys() == then.keys()
    differ = [name for name in now if now[name] != then[name]]
    assert not differ, "make golden writes them anew; git diff shows what changed"


@pytest.mark.parametrize("seed", ["0", "1"])
def test_bytes_do_not_depend_on_the_hash_seed(seed: str) -> None:
    program = "import json; from tests.golden import manifests; print(json.dumps(manifests()))"
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    ).stdout
    assert json.loads(told) == manifests()


def test_tasks_alike_share_one_pod_template() -> None:
    assert len(pods(spec_of(chain(50)))) == 1


def test_a_matrix_costs_as_much_as_one_task() -> None:
    sweep = plan(task("t", matrix={"units": list(range(100)), "rate": list(range(100))}))
    assert entries(spec_of(sweep))["t"]["withSequence"] == {"count": "10000"}
    assert len(compile_plan(sweep, ENVIRONMENT)["demo.template.yaml"]) < 8 * 1024


def test_the_launcher_gets_back_the_task_it_was_planned_as() -> None:
    planned = task("b", "a", matrix={"n": [1, 2]}, when=["<", {"$ref": "a.sum"}, 1])
    spec = spec_of(plan(task("a"), planned))
    given = {one["name"]: one["value"] for one in entries(spec)["b"]["arguments"]["parameters"]}
    args = pods(spec)[0]["container"]["args"]
    text = args[args.index("--spec") + 1]
    for name, value in given.items():
        text = text.replace(f"{{{{inputs.parameters.{name}}}}}", value)

    told = json.loads(text)

    kept = {name: getattr(planned, name) for name in TaskSpec.model_fields}
    assert TaskSpec.model_validate(told["task"]) == TaskSpec(**kept)
    assert told["step"]["name"] == "demo/add"
    assert told["fan_in"] == {"a": None}
    assert told["workflow"] == "demo"


def test_only_the_parameters_a_task_uses_reach_it() -> None:
    parameters = {"epochs": {"type": "integer"}, "seed": {"type": "integer"}}
    user = task("t", inputs={"a": {"$ref": "parameters.epochs"}})
    spec = spec_of(plan(user, parameters=parameters, arguments={"epochs": 3, "seed": 1}))
    assert pods(spec)[0]["container"]["args"][-2:] == ["--parameter", "epochs={{workflow.parameters.epochs}}"]
    assert [one["value"] for one in spec["arguments"]["parameters"]] == ["3", "1"]


@given(
    st.recursive(
        st.text("{}$(\\u007b=wx\"'\n\x1b😀"), lambda inner: st.lists(inner) | st.dictionaries(st.text("{}a"), inner)
    )
)
def test_inert_json_reads_back_and_nobody_replaces_anything_in_it(value: Any) -> None:
    assert not any(sign in inert(value) for sign in ("{{", "$(", "$$"))
    assert json.loads(inert(value)) == value


@settings(max_examples=30)
@given(st.text("{}=wx '\"", min_size=1).map(lambda text: "{{workflow.name}}" + text))
def test_no_tag_of_the_users_reaches_argo(hostile: str) -> None:
    text = compile_plan(
        plan(
            task("a", inputs={"a": hostile}),
            task("b", "a", matrix={"n": [hostile]}, inputs={"a": {"$text": [hostile, {"$ref": "a.sum"}]}}),
            task("c", "a", when=["==", {"$ref": "a.word"}, hostile]),
            steps={"demo/add@1": step(command=[hostile], python=None)},
        ),
        ENVIRONMENT,
    )["demo.template.yaml"]
    assert text.count("{{workflow.name}}") == len(pods(yaml.safe_load(text)["spec"]))


def test_conditions_read_text_by_its_type() -> None:
    when = [
        "and",
        [">=", {"$ref": "a.sum"}, 0.9],
        ["or", ["not", {"$ref": "a.good"}], ["!=", {"$ref": "a.word"}, "}}"], ["<", {"$ref": "a.count"}, 3]],
    ]
    assert entries(spec_of(plan(task("a"), task("b", "a", when=when))))["b"]["when"] == (
        "{{= ((asFloat(tasks['a'].outputs.parameters.sum) >= 0.9) && (!((tasks['a'].outputs.parameters.good == 'true'))"
        " || (tasks['a'].outputs.parameters.word != \"\\u007d\\u007d\") || (asInt(tasks['a'].outputs.parameters.count) < 3))) }}"
    )


@pytest.mark.parametrize("reference", ["a.items", "a.maybe", "matrix.n", "loose.sum", "idle.sum", "after.sum"])
def test_what_argo_cannot_know_the_launcher_decides(reference: str) -> None:
    spec = spec_of(
        plan(
            task("a"),
            task("loose", allow_failure=True),
            task("idle", "a", when=["<", {"$ref": "a.maybe"}, 1]),
            task("after", "idle", inputs={}),
            task("b", "a", "after", "idle", "loose", matrix={"n": [1]}, when=["==", {"$ref": reference}, 1]),
        )
    )
    assert "when" not in entries(spec)["b"]


def test_a_task_that_may_find_an_output_missing_decides_nothing_in_argo() -> None:
    found = task("found", "a", inputs={"a": {"$ref": "a.maybe"}})
    spec = spec_of(plan(task("a"), found, task("b", "found", when=["<", {"$ref": "found.sum"}, 1])))
    assert "when" not in entries(spec)["b"]


def test_a_failure_that_is_allowed_stops_nobody() -> None:
    spec = spec_of(plan(task("a", allow_failure=True), task("b", "a")))
    main = entries(spec)
    assert main["b"]["depends"] == "a.Succeeded"
    assert entries(spec, main["a"]["template"])["each"]["continueOn"] == {"error": True, "failed": True}


def test_a_matrix_is_skipped_as_a_whole() -> None:
    spec = spec_of(plan(task("a"), task("b", "a", matrix={"n": [1, 2]}, when=["<", {"$ref": "a.sum"}, 1])))
    whole = entries(spec)["b"]
    assert "when" in whole and "withSequence" not in whole
    each = entries(spec, whole["template"])["each"]
    assert "when" not in each and each["withSequence"] == {"count": "2"}


def test_bad_input_is_never_tried_again() -> None:
    retry = {"limit": 2, "backoff": 0.5, "factor": 3.0, "max": 60.0}
    codes = retry | {"exit_codes": [1, 64, 137]}
    expressions = [
        pods(spec_of(plan(task("t", retry=one))))[0]["retryStrategy"]["expression"] for one in (retry, codes)
    ]
    assert expressions == ["asInt(lastRetry.exitCode) != 64", "asInt(lastRetry.exitCode) in [1, 137]"]
    assert pods(spec_of(plan(task("t", retry=retry))))[0]["retryStrategy"]["backoff"] == {
        "cap": "60s",
        "duration": "500ms",
        "factor": 3,
    }


def test_over_200_tasks_shards_wait_only_for_those_they_need() -> None:
    tasks = [task(f"t{number}") for number in range(400)] + [task("end", "t5")]
    shards = entries(spec_of(plan(*tasks)))
    assert {name: entry.get("depends") for name, entry in shards.items()} == {
        "shard-1": None,
        "shard-2": None,
        "shard-3": "shard-1.Succeeded",
    }


def test_in_shards_the_launcher_decides_all_conditions() -> None:
    tasks = [task(f"t{number}") for number in range(200)]
    late = task("late", "t0", when=["<", {"$ref": "t0.sum"}, 1])
    assert "when" not in entries(spec_of(plan(*tasks, late)), "shard-2")["late"]
    assert "when" in entries(spec_of(plan(*tasks[:199], late)))["late"]


def scheduled() -> Plan:
    """Everything, on Mondays, one run at a time."""
    return everything().model_copy(
        update={
            "schedule": Schedule(cron=["0 6 * * 1", "@daily"], timezone="Europe/Zurich", catch_up="90s"),
            "concurrency": Concurrency(parallelism=10, mutex="nightly", semaphore=Semaphore(name="gpu", limit=3)),
        }
    )


def test_a_cron_workflow_refers_to_the_template() -> None:
    files = {
        name: list(yaml.safe_load_all(text)) for name, text in compile_plan(scheduled(), ENVIRONMENT, "cron").items()
    }
    assert list(files) == ["rbac.yaml", "demo.template.yaml", "demo.cron.yaml"]
    [template], [cron] = files["demo.template.yaml"], files["demo.cron.yaml"]
    assert cron["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == template["metadata"]["name"]
    assert cron["spec"]["schedules"] == ["0 6 * * 1", "@daily"]
    told = (cron["spec"]["timezone"], cron["spec"]["concurrencyPolicy"], cron["spec"]["startingDeadlineSeconds"])
    assert told == ("Europe/Zurich", "Forbid", 90)


def test_runs_hold_a_mutex_and_a_place_and_the_places_are_written_beside() -> None:
    files = compile_plan(scheduled(), ENVIRONMENT)
    spec = yaml.safe_load(files["demo.template.yaml"])["spec"]
    assert spec["parallelism"] == 10
    assert spec["synchronization"]["mutexes"] == [{"name": "nightly"}]
    [place] = spec["synchronization"]["semaphores"]
    limits = [one for one in yaml.safe_load_all(files["rbac.yaml"]) if one["kind"] == "ConfigMap"]
    assert [(one["metadata"]["name"], one["data"]) for one in limits] == [("semaphore-gpu", {"limit": "3"})]
    assert place["configMapKeyRef"] == {"name": "semaphore-gpu", "key": "limit"}


def test_as_a_workflow_everything_is_in_one_object() -> None:
    files = compile_plan(everything(), ENVIRONMENT, "workflow")
    assert list(files) == ["rbac.yaml", "demo.yaml"]
    template = yaml.safe_load(compile_plan(everything(), ENVIRONMENT)["demo.template.yaml"])
    assert yaml.safe_load(files["demo.yaml"])["spec"] == template["spec"]


def test_without_a_schedule_there_is_no_cron_workflow() -> None:
    with pytest.raises(Mistakes, match="no schedule"):
        compile_plan(everything(), ENVIRONMENT, "cron")


def _claiming(url: str) -> Environment:
    site = ENVIRONMENT.sites["rack"].model_copy(update={"store_claim": "shared"})
    return ENVIRONMENT.model_copy(update={"sites": {"rack": site}, "store": StoreLocation(url=url)})


def test_a_store_on_a_shared_volume_is_mounted_where_its_url_says() -> None:
    spec = yaml.safe_load(compile_plan(plan(task("t"), store="/store"), _claiming("/store"))["demo.template.yaml"])[
        "spec"
    ]
    assert {"name": "store", "persistentVolumeClaim": {"claimName": "shared"}} in spec["volumes"]
    assert {"name": "store", "mountPath": "/store"} in pods(spec)[0]["container"]["volumeMounts"]


@pytest.mark.parametrize("url", ["s3://bucket/store", "store", ".lighterage"])
def test_a_claim_without_a_whole_path_is_a_mistake(url: str) -> None:
    with pytest.raises(Mistakes, match="L503"):
        compile_plan(plan(task("t"), store=url), _claiming(url))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"workflow": "d" * 60}, "L601"),
        ({"store": "/home/store"}, "L503"),
        ({"store": "s3://{{x}}"}, "L504"),
        ({"parameters": {"p": {"type": "string"}}, "arguments": {"p": "{{x}}"}}, "L504"),
        ({"parameters": {"p": {"type": "string", "description": "{{=x}}"}}, "arguments": {"p": "x"}}, "L504"),
        ({"parameters": {"p": {"type": "string", "optional": True}}}, "L504"),
        ({"parameters": {"json": {"type": "string"}}, "arguments": {"json": "x"}}, "L504"),
        ({"tasks": [task("t", retry={"limit": 1, "backoff": 1.0, "factor": 1.5, "max": 2.0})]}, "L504"),
        ({"tasks": [task("t", inputs={"a": "x" * 2**20})]}, "L602"),
        ({"tasks": [task(f"t{n}", timeout=float(n + 1)) for n in range(200)]}, "L602"),
    ],
)
def test_what_a_cluster_would_refuse_is_a_diagnostic(change: dict[str, Any], code: str) -> None:
    refused = plan(task("t")).model_copy(update={name: getattr(plan(**change), name) for name in change})
    with pytest.raises(Mistakes) as caught:
        compile_plan(refused, ENVIRONMENT)
    assert [one.code for one in caught.value.diagnostics] == [code]


def test_every_container_meets_the_restricted_standard() -> None:
    spec = spec_of(plan(task("t")))
    wanted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
    patch = json.loads(spec["podSpecPatch"])
    for context in (
        pods(spec)[0]["container"]["securityContext"],
        patch["containers"][0]["securityContext"],
        patch["initContainers"][0]["securityContext"],
    ):
        assert wanted.items() <= context.items()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False


def test_needs_that_grow_are_patched_into_each_attempt() -> None:
    [pod] = [one for one in pods(spec_of(everything())) if "podSpecPatch" in one]
    assert pod["container"]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "10Gi"}
    [main] = json.loads(pod["podSpecPatch"])["containers"]
    grown = {
        "memory": "{{=string(int(1073741824 * 2 ** asInt(retries)))}}",
        "ephemeral-storage": "{{=string(int(10737418240 * 1.5 ** asInt(retries)))}}",
    }
    assert main == {"name": "main", "resources": {"requests": grown, "limits": grown}}


def test_a_sweep_of_10_000_is_one_task_of_a_small_manifest() -> None:
    files = compile_plan(plan(task("t", matrix={"n": list(range(10_000))})), ENVIRONMENT)
    assert len(files["demo.template.yaml"]) < 64 * 1024


def test_5_000_tasks_are_objects_of_less_than_1_mib_that_refer_to_each_other() -> None:
    files = compile_plan(chain(5000), ENVIRONMENT)
    assert all(len(text.encode()) < 2**20 for text in files.values())
    parts = {
        document["metadata"]["name"]: {one["name"]: one for one in document["spec"]["templates"]}
        for name, text in files.items()
        if ".part-" in name
        for document in [yaml.load(text, yaml.CSafeLoader)]
    }
    main, *_ = yaml.load(files["demo.template.yaml"], yaml.CSafeLoader)["spec"]["templates"]
    shards = [parts[one["templateRef"]["name"]][one["templateRef"]["template"]] for one in main["dag"]["tasks"]]
    names = [one["name"] for shard in shards for one in shard["dag"]["tasks"]]
    assert names == [f"t{number}" for number in range(5000)]
    for templates in parts.values():
        for shard in (one for one in templates.values() if one["name"].startswith("shard-")):
            assert {one["template"] for one in shard["dag"]["tasks"]} <= templates.keys()


def test_as_one_workflow_too_many_tasks_are_a_mistake() -> None:
    with pytest.raises(Mistakes, match="L602"):
        compile_plan(chain(5000), ENVIRONMENT, "workflow")


@pytest.mark.argocheck
@pytest.mark.parametrize(
    "compiled",
    [everything(), chain(5000), plan(task("t", matrix={"n": list(range(10_000))})), scheduled()],
    ids=["everything", "chain", "sweep", "scheduled"],
)
@pytest.mark.parametrize("form", ["template", "workflow", "cron"])
def test_a_cluster_accepts_it(compiled: Plan, form: Any, tmp_path: Path) -> None:
    if form == "cron" and not compiled.schedule:
        compiled = compiled.model_copy(update={"schedule": Schedule(cron=["@daily"])})
    if form == "workflow" and len(compiled.tasks) > 1000:
        pytest.skip("5,000 tasks do not fit into one object")
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    if not CRDS.is_dir():
        pytest.skip("ARGO_CRDS names no folder with Argo's CRDs")
    files = _written(compile_plan(compiled, ENVIRONMENT, form), tmp_path)
    told = subprocess.run([argocheck, "crd", "-crds", str(CRDS), *files], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


@pytest.mark.argo
@pytest.mark.parametrize("form", ["template", "workflow", "cron"])
def test_argo_lint_has_nothing_to_say(tmp_path: Path, form: Any) -> None:
    argo = shutil.which("argo") or pytest.skip("argo is not on the PATH")
    written = _written(compile_plan(scheduled(), ENVIRONMENT, form), tmp_path)
    told = subprocess.run([argo, "lint", "--offline", "--strict", *written], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def _written(texts: dict[str, str], folder: Path) -> list[str]:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in texts if name != "rbac.yaml"]
