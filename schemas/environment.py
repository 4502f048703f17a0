"""``environments/*.yaml``: where to run. The workflow states needs, the environment decides places."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .image import Image
from .shape import ApiVersion, Cpu, Duration, FieldName, Memory, Shape, TaskName
from .url import BadUrl, location
from .variables import ObjectName, Variables, is_secret

_LABEL_NAME = r"^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
_LABEL_VALUE = r"^(?:[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$"
_LABEL_WORDS = "as Kubernetes' labels: letters, digits, '-', '_' and '.', at most 63; a name may start with domain/"

Scalar = str | int | float | bool
LabelName = Annotated[str, Field(pattern=_LABEL_NAME, description=_LABEL_WORDS)]
LabelValue = Annotated[str, Field(pattern=_LABEL_VALUE, description=_LABEL_WORDS)]


def _without_password(url: str) -> str:
    if is_secret(url):
        raise PydanticCustomError("secret_value", "a store's URL cannot hold a password; see env of sites")
    try:
        location(url)
    except BadUrl as error:
        raise ValueError(f"this is no store's URL: {error}") from None
    return url


def _without_secrets(values: dict[str, Scalar]) -> dict[str, Scalar]:
    for name, value in values.items():
        if isinstance(value, str) and is_secret(value):
            message = "{name} looks like a secret, and manifests and records show values"
            raise PydanticCustomError("secret_value", message, {"name": name})
    return values


class Keep(Shape):
    """Which runs `lighterage cache gc` keeps: what either rule keeps stays."""

    runs: Annotated[int, Field(ge=1)] | None = None
    """the newest of each workflow, so many"""
    age: Duration | None = None
    """those that ended less long ago, such as 90d"""


class StoreLocation(Shape):
    """Where artifacts, results and run records are kept."""

    url: Annotated[str, Field(min_length=1), AfterValidator(_without_password)]
    """a folder, or an fsspec URL; credentials come from the ambient identity, never from here"""
    keep: Keep | None = None
    """which runs `lighterage cache gc` keeps; all, where nothing is said"""


class Capacity(Shape):
    """What a machine may give to tasks; whatever it has, where nothing is said."""

    cpu: Cpu | None = None
    """CPUs shared by the tasks that run at one time"""
    memory: Memory | None = None
    """memory shared by the tasks that run at one time"""


class Toleration(Shape):
    """A taint of nodes that pods may ignore, in Kubernetes' words."""

    key: LabelName | None = None
    """the taint's name; any, where nothing is said"""
    operator: Literal["Exists", "Equal"] = "Equal"
    """whether the taint's value counts"""
    value: LabelValue | None = None
    """the taint's value"""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """what the taint does; whatever it does, where nothing is said"""
    tolerationSeconds: Annotated[int, Field(ge=0)] | None = None
    """how long a pod stays after a NoExecute"""

    @model_validator(mode="after")
    def _as_kubernetes_wants_it(self) -> Toleration:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("a toleration with operator: Exists has no value")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("a toleration without a key needs operator: Exists")
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds goes with effect: NoExecute")
        return self


class Pool(Shape):
    """A group of a cluster's nodes."""

    node_selector: dict[LabelName, LabelValue] = {}
    """labels its nodes carry"""
    accelerators: dict[FieldName, str] = {}
    """kind of accelerator -> Kubernetes resource, such as gpu: nvidia.com/gpu"""
    tolerations: list[Toleration] = []
    """taints of its nodes"""


class TimeToLive(Shape):
    """How long a cluster keeps runs that have ended. The store keeps their records."""

    success: Duration = "7d"
    """those that succeeded"""
    failure: Duration = "30d"
    """those that failed"""


class PodCollection(Shape):
    """When pods that have ended are deleted."""

    strategy: Literal["OnPodSuccess", "OnPodCompletion", "OnWorkflowSuccess", "OnWorkflowCompletion"] = "OnPodSuccess"
    """what must have ended, and how"""
    delay: Duration = "10m"
    """how long they stay after that"""


class Site(Shape):
    """A laptop or a cluster."""

    target: Literal["local", "argo"]
    """what it runs on"""
    capacity: Annotated[Capacity, Field(default_factory=Capacity)]
    """of a local site"""
    context: str | None = None
    """kubectl context of a cluster"""
    namespace: TaskName = "default"
    """namespace of a cluster"""
    service_account: TaskName = "lighterage"
    """service account its pods run as"""
    service_account_annotations: dict[LabelName, str] = {}
    """annotations of that account, for clouds that give it an identity of theirs"""
    pod_labels: dict[LabelName, LabelValue] = {}
    """labels of all its pods"""
    env: Variables = {}
    """variables of all tasks: plain text, or {secret: NAME, key: KEY} for what a Kubernetes Secret holds"""
    image_pull_secrets: list[ObjectName] = []
    """Kubernetes Secrets for the registries of the images"""
    store_claim: ObjectName | None = None
    """PersistentVolumeClaim that holds the store, where its URL is a folder; every node must be able to mount it"""
    pools: dict[TaskName, Pool] = {}
    """groups of nodes; `default` takes what no placement names"""
    deadline: Duration | None = None
    """how long a run may take, its waiting included; no bound where nothing is said"""
    ttl: Annotated[TimeToLive, Field(default_factory=TimeToLive)]
    """how long the cluster keeps runs that have ended"""
    pod_gc: Annotated[PodCollection, Field(default_factory=PodCollection)]
    """when pods that have ended are deleted"""

    @model_validator(mode="after")
    def _fields_of_the_target(self) -> Site:
        if self.target == "local" and (wrong := self.model_fields_set - {"target", "capacity"}):
            raise ValueError(f"a local site has no {', '.join(sorted(wrong))}: that is for clusters")
        if self.target == "argo" and (self.capacity.cpu or self.capacity.memory):
            raise ValueError("capacity is for local sites; a cluster schedules its own")
        for label in self.pod_labels:
            if label.startswith(("app.kubernetes.io/", "workflows.argoproj.io/")):
                raise ValueError(f"pod_labels: {label} is set by lighterage or Argo")
        return self


class Placement(Shape):
    """Which tasks go to which pool; the first match counts."""

    tasks: Annotated[str, Field(min_length=1)]
    """task name, `*` for any text"""
    pool: TaskName
    """a pool of the site"""


class Security(Shape):
    """What pods may do."""

    pod_security: Literal["restricted"] = "restricted"
    """Kubernetes Pod Security level"""
    require_digest: bool = False
    """refuse images that are not named by digest: a tag may stand for another image tomorrow"""


class Environment(Shape):
    """A place to run."""

    apiVersion: ApiVersion
    """lighterage/v1"""
    kind: Literal["Environment"]
    """Environment"""
    name: TaskName
    """its name"""
    description: str = ""
    """one sentence: where and for whom"""
    store: StoreLocation
    """artifacts, results and records"""
    values: Annotated[dict[FieldName, Scalar], AfterValidator(_without_secrets)] = {}
    """what `${environment.x}` gives"""
    images: dict[TaskName, Image] = {}
    """runtime -> image reference"""
    code: Literal["store", "image"] = "store"
    """where a cluster finds the user's own steps: in the store, where `submit` puts them, or baked into the images"""
    sites: Annotated[dict[TaskName, Site], Field(min_length=1, max_length=1)]
    """the laptop or cluster"""
    placement: list[Placement] = []
    """tasks -> pools"""
    security: Annotated[Security, Field(default_factory=Security)]
    """what pods may do"""
