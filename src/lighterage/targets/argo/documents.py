"""The objects: a WorkflowTemplate that holds everything, a small Workflow that refers to it, and the rights they need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...schemas.contract import Port
from ...schemas.environment import Site
from ...schemas.plan import Plan, canonical, digest_of
from .containers import STORE_VOLUME
from .dag import ENTRYPOINT
from .exits import ON_EXIT
from .pods import INIT_AND_WAIT_RESTRICTED, USER
from .timing import synchronization, whole_seconds

if TYPE_CHECKING:
    from hera.workflows import models

API_VERSION = "argoproj.io/v1alpha1"


def workflow_spec(plan: Plan, site: Site, templates: list[models.Template]) -> dict[str, Any]:
    """Everything that a run is, in a template or in a Workflow of its own."""
    from .hera_models import models as m

    return m.WorkflowSpec(
        entrypoint=ENTRYPOINT,
        templates=templates,
        arguments=_arguments(plan),
        service_account_name=site.service_account,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=site.service_account),
        security_context=m.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
        ),
        pod_spec_patch=_patch(),
        pod_metadata=m.Metadata(labels=site.pod_labels | labels(plan)),
        workflow_metadata=m.WorkflowMetadata(labels=labels(plan)),
        volumes=_volumes(site),
        image_pull_secrets=[m.LocalObjectReference(name=name) for name in site.image_pull_secrets] or None,
        active_deadline_seconds=whole_seconds(site.deadline) if site.deadline else None,
        pod_gc=m.PodGC(strategy=site.pod_gc.strategy, delete_delay_duration=f"{whole_seconds(site.pod_gc.delay)}s"),
        ttl_strategy=m.TTLStrategy(
            seconds_after_success=whole_seconds(site.ttl.success), seconds_after_failure=whole_seconds(site.ttl.failure)
        ),
        parallelism=plan.concurrency.parallelism if plan.concurrency else None,
        synchronization=synchronization(plan.concurrency),
        on_exit=ON_EXIT if plan.on_exit else None,
    ).model_dump(mode="json", by_alias=True, exclude_none=True)


def workflow_template(plan: Plan, site: Site, spec: dict[str, Any]) -> dict[str, Any]:
    """The WorkflowTemplate. Its name ends in a digest of its content: a new version never changes runs under way."""
    digest = digest_of(spec).removeprefix("sha256:")[:10]
    about = {"workflows.argoproj.io/description": plan.description} if plan.description else {}
    metadata: dict[str, Any] = {
        "name": f"{plan.workflow}-{digest}",
        "namespace": site.namespace,
        "labels": labels(plan),
    }
    if about:
        metadata["annotations"] = about
    return {"apiVersion": API_VERSION, "kind": "WorkflowTemplate", "metadata": metadata, "spec": spec}


def reference_to(plan: Plan, template: str) -> dict[str, Any]:
    """What a Workflow or a CronWorkflow says of its template: its name and the parameters."""
    spec: dict[str, Any] = {"workflowTemplateRef": {"name": template}}
    arguments = _arguments(plan)
    if arguments:
        spec["arguments"] = arguments.model_dump(mode="json", by_alias=True, exclude_none=True)
    return spec


def workflow(plan: Plan, site: Site, spec: dict[str, Any]) -> dict[str, Any]:
    """The Workflow to submit."""
    metadata = {"generateName": f"{plan.workflow}-", "namespace": site.namespace, "labels": labels(plan)}
    return {"apiVersion": API_VERSION, "kind": "Workflow", "metadata": metadata, "spec": spec}


def rights(site: Site) -> list[dict[str, Any]]:
    """Service account, the one right that Argo's executor needs, and the token that only the executor mounts."""
    account, annotations = site.service_account, site.service_account_annotations
    group = "rbac.authorization.k8s.io"

    def named(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "namespace": site.namespace,
            "labels": {"app.kubernetes.io/managed-by": "lighterage"},
            **more,
        }

    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": named(account, **({"annotations": annotations} if annotations else {})),
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": named(account),
            "rules": [
                {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": named(account),
            "roleRef": {"apiGroup": group, "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": site.namespace}],
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": named(
                f"{account}.service-account-token", annotations={"kubernetes.io/service-account.name": account}
            ),
        },
    ]


def labels(plan: Plan) -> dict[str, str]:
    """Kubernetes' recommended ones."""
    return {
        "app.kubernetes.io/name": plan.workflow,
        "app.kubernetes.io/part-of": "lighterage",
        "app.kubernetes.io/managed-by": "lighterage",
    }


def _volumes(site: Site) -> list[models.Volume]:
    """A place to work, one for what programs leave lying about, and the store where that is a folder."""
    from .hera_models import models as m

    volumes = [m.Volume(name=name, empty_dir=m.EmptyDirVolumeSource()) for name in ("workspace", "tmp")]
    if site.store_claim:
        claim = m.PersistentVolumeClaimVolumeSource(claim_name=site.store_claim)
        volumes.append(m.Volume(name=STORE_VOLUME, persistent_volume_claim=claim))
    return volumes


def _arguments(plan: Plan) -> models.Arguments | None:
    """Parameters with this plan's values; Argo offers an enum of strings as a choice."""
    from .hera_models import models as m

    if not plan.parameters:
        return None
    return m.Arguments(
        parameters=[
            m.Parameter(
                name=name,
                value=_text(plan.arguments[name]) if name in plan.arguments else None,
                enum=_choices(port),
                description=port.description or None,
            )
            for name, port in plan.parameters.items()
        ]
    )


def _choices(port: Port) -> list[str] | None:
    """What Argo lets people submit. Of a boolean too: a condition on `yes` would be false before any pod could object."""
    if port.type == "boolean":
        return ["true", "false"]
    return [_text(choice) for choice in port.enum] if port.enum else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)


def _patch() -> str:
    """Argo leaves its own containers' security contexts to us."""
    restricted = {"securityContext": INIT_AND_WAIT_RESTRICTED}
    return json.dumps(
        {
            "initContainers": [{"name": "init", **restricted}],
            "containers": [{"name": "wait", **restricted}],
        },
        separators=(",", ":"),
    )
