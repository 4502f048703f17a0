"""What a kind of device can run: rules on the file, and whether a file keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lighterage.edge.modelfile import Facts


@dataclass(frozen=True)
class Profile:
    """A kind of device. None means: no such rule."""

    name: str
    about: str
    """one sentence for people"""
    sources: tuple[str, ...]
    """where the rules come from"""
    variants: tuple[str, ...] | None = None
    operators: frozenset[str] | None = None
    """built-in operators it has"""
    activations: frozenset[str] | None = None
    """element types of what is computed at run time"""
    subgraphs: int | None = None
    inner_dimensions: int | None = None
    """how many of the innermost dimensions of what is computed may be larger than 1"""
    kernels: Literal["default", "reference"] = "default"
    """that figures come from: those that are most like the device's"""
    runs_here: bool = False
    """whether running the model on this machine is running it on such a device"""
    second_runtime: Literal["tflite-micro"] | None = None
    """one that runs the model too, and has to agree"""


def broken_rules(facts: Facts, variant: str, profile: Profile) -> Iterator[str]:
    """What of the rules the file breaks. Sizes that are known only at run time are nowhere allowed."""
    if profile.variants is not None and variant not in profile.variants:
        yield f"it runs {_listed(profile.variants)} models, this is {variant}"
        return  # all else would say the same
    if profile.operators is not None and (missing := facts.operators.keys() - profile.operators):
        yield f"it does not have the operators {_listed(missing)}"
    if profile.subgraphs is not None and facts.subgraphs > profile.subgraphs:
        yield f"it takes {profile.subgraphs} subgraph, this model has {facts.subgraphs}"
    computed = [tensor for tensor in facts.tensors if not tensor.constant]
    if profile.activations is not None and (types := {one.type for one in computed} - profile.activations):
        yield f"it computes with {_listed(profile.activations)}, this model also with {_listed(types)}"
    if dynamic := sum(tensor.dynamic for tensor in facts.tensors):
        yield f"{dynamic} tensors have sizes that are known only at run time"
    if (inner := profile.inner_dimensions) is not None:
        wide = [one.shape for one in computed if any(size > 1 for size in one.shape[:-inner])]
        if wide:
            yield f"only the {inner} innermost dimensions may be larger than 1, not {list(wide[0])}"


def _listed(names: frozenset[str] | set[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names))
