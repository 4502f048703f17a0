"""``environments/*.yaml``: where to run. The workflow states needs, the environment decides places."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .shape import ApiVersion, Cpu, FieldName, Memory, Shape, TaskName


class StoreLocation(Shape):
    """Where artifacts, results and run records are kept."""

    url: Annotated[str, Field(min_length=1)]
    """a folder, or an fsspec URL; credentials come from the ambient identity, never from here"""


class Capacity(Shape):
    """What a machine may give to tasks; whatever it has, where nothing is said."""

    cpu: Cpu | None = None
    """CPUs shared by the tasks that run at one time"""
    memory: Memory | None = None
    """memory shared by the tasks that run at one time"""


class Pool(Shape):
    """A group of a cluster's nodes."""

    node_selector: dict[str, str] = {}
    """labels its nodes carry"""
    accelerators: dict[FieldName, str] = {}
    """kind of accelerator -> Kubernetes resource, such as gpu: nvidia.com/gpu"""
    tolerations: list[dict[str, Any]] = []
    """Kubernetes tolerations"""


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
    pools: dict[TaskName, Pool] = {}
    """groups of nodes; `default` takes what no placement names"""

    @model_validator(mode="after")
    def _fields_of_the_target(self) -> Site:
        if self.target == "local" and self.pools:
            raise ValueError("a local site has no pools")
        if self.target == "argo" and (self.capacity.cpu or self.capacity.memory):
            raise ValueError("capacity is for local sites; a cluster schedules its own")
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
    values: dict[FieldName, str | int | float | bool] = {}
    """what `${environment.x}` gives"""
    images: dict[TaskName, str] = {}
    """runtime -> image reference"""
    sites: Annotated[dict[TaskName, Site], Field(min_length=1, max_length=1)]
    """the laptop or cluster"""
    placement: list[Placement] = []
    """tasks -> pools"""
    security: Annotated[Security, Field(default_factory=Security)]
    """what pods may do"""
