"""``step.yaml``: what a step takes, gives and needs. The contract comes first; the code follows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .contract import Port
from .image import Image
from .shape import ApiVersion, FieldName, Resources, Shape

StepName = Annotated[str, Field(pattern=r"^[a-z0-9][-a-z0-9]*(?:/[a-z0-9][-a-z0-9]*)?$")]


class Step(Shape):
    """A reusable, containerised unit of work."""

    apiVersion: ApiVersion
    """lighterage/v1"""
    kind: Literal["Step"]
    """Step"""
    name: StepName
    """stage/name, such as data/split"""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """semantic version; a workflow asks for the major one: data/split@1"""
    description: Annotated[str, Field(min_length=1)]
    """one sentence: what it does"""
    inputs: dict[FieldName, Port] = {}
    """what it takes"""
    outputs: dict[FieldName, Port] = {}
    """what it gives"""
    image: Image = "engine"
    """a runtime that the environment names, or a full image reference; a `command:` needs nothing of ours in the latter"""
    python: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")] | None = None
    """module:function in the step's folder"""
    command: Annotated[list[str], Field(min_length=1)] | None = None
    """program and arguments; `${inputs.x}` and `${outputs.x}` stand for values and paths, `${code}` for the step's folder"""
    requires: list[str] = []
    """distributions that must be installed; their versions are part of the cache key"""
    preload: list[str] = []
    """modules that a warm worker imports once, before tasks are forked from it"""
    resources: Annotated[Resources, Field(default_factory=Resources)]
    """what it needs unless the task says otherwise"""

    @model_validator(mode="after")
    def _one_way_to_run(self) -> Step:
        if (self.python is None) == (self.command is None):
            raise ValueError("a step has either `python:` or `command:`")
        return self

    @model_validator(mode="after")
    def _names_are_used_once(self) -> Step:
        for name in self.inputs.keys() & self.outputs.keys():
            raise ValueError(f"{name!r} is both an input and an output; a function could not tell them apart")
        return self
