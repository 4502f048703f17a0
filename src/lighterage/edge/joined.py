"""The models of a chain at work: what each is fed, where it runs, and whose answer is the chain's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import Prediction, check_rows, prediction
from .errors import InputError
from .single import Single
from .wiring import Shape, Stage, wrong


@dataclass(frozen=True)
class Ran:
    """What a stage made of some rows."""

    outputs: np.ndarray
    """``(rows, parts, …)``, float32; 0 where it did not run"""
    active: np.ndarray
    """``(rows,)``: where it ran"""
    answered: np.ndarray
    """``(rows,)``: number of the stage that answers in its place; its own where it ran"""


class Joined:
    """Bundles, and the stages that use them, found to fit."""

    def __init__(self, stages: list[Stage], bundles: Mapping[str, Single]) -> None:
        """Raises BundleError("wrong-wiring") where shapes differ or a gate has no such classes."""
        self.stages, self.bundles = stages, bundles
        self.numbers = {stage.name: number for number, stage in enumerate(stages)}
        self.shape: Shape = self.first.inputs[0].shape[1:]
        """of a row of the chain's input"""
        outputs: dict[str, Shape] = {}
        parts: dict[str, int] = {}
        for stage in stages:
            self._check(stage, outputs, parts)
            outputs[stage.name] = bundles[stage.name].outputs[0].shape[1:]
            parts[stage.name] = stage.parts
        if stages[-1].parts > 1:
            raise wrong(
                f"the last stage, {stages[-1].name!r}, answers {stages[-1].parts} times a row; add a stage with concat"
            )
        self.preprocessing = list(self._shared())
        """operations that begin the preprocessing of every stage that sees the input"""

    @property
    def first(self) -> Single:
        return self.bundles[self.stages[0].name]

    @property
    def last(self) -> Single:
        return self.bundles[self.stages[-1].name]

    def labels(self, stage: Stage | None = None) -> list[str]:
        """What an answer may be: the last stage's classes, then those that gates answer with."""
        stage = stage or self.stages[-1]
        found = list(self.bundles[stage.name].labels) if stage is self.stages[-1] else []
        if stage.gate:
            found += [name for name in self.bundles[stage.gate].labels if name not in stage.classes]
        for name in (*([stage.gate] if stage.gate else []), *stage.needs):
            found += self.labels(self.stages[self.numbers[name]])
        return list(dict.fromkeys(found))

    def prepare(self, rows: Any, *, done: int = 0) -> np.ndarray:
        """Rows ``(rows, …)`` after the shared operations, of which ``done`` were applied already."""
        values = check_rows(rows, self.shape, self.first.window)
        if done > len(self.preprocessing):
            raise InputError(f"{done} operations were applied already, but the stages share {len(self.preprocessing)}")
        for operation in self.first.operations[done : len(self.preprocessing)]:
            values = operation.apply(values)
        return values

    def compute(self, prepared: np.ndarray) -> dict[str, Ran]:
        """What each stage makes of prepared rows. Raises BundleError as models do."""
        found: dict[str, Ran] = {}
        for stage in self.stages:
            active, answered = self.active(stage, found, len(prepared))
            fed = self._fed(stage, prepared, found, active)
            made = self.bundles[stage.name].compute(fed, done=self._done(stage))
            outputs = np.zeros((len(active), stage.parts, *made.shape[1:]), np.float32)
            outputs[active] = made.reshape(-1, stage.parts, *made.shape[1:])
            found[stage.name] = Ran(outputs, active, answered)
        return found

    def given(self, stage: Stage, prepared: np.ndarray, found: Mapping[str, Ran]) -> np.ndarray:
        """What the stage's model itself takes, float32, where it ran; parts one after another."""
        fed = self._fed(stage, prepared, found, found[stage.name].active)
        return self.bundles[stage.name].prepare(fed, done=self._done(stage))

    def active(self, stage: Stage, found: Mapping[str, Ran], rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Where a stage runs, and who answers: itself, or where it does not run what it hangs on, the gate first."""
        active, answered = np.ones(rows, bool), np.full(rows, self.numbers[stage.name])
        for name in (*stage.needs[::-1], *([stage.gate] if stage.gate else [])):
            fit = found[name].active
            if name == stage.gate:
                labels = np.array(self.bundles[name].labels)
                fit = fit & np.isin(labels[found[name].outputs[:, 0].argmax(axis=1)], stage.classes)
            active, answered = active & fit, np.where(fit, answered, found[name].answered)
        return active, answered

    def predictions(self, found: Mapping[str, Ran]) -> Iterator[Prediction]:
        """The chain's answer for each row."""
        for at, number in enumerate(found[self.stages[-1].name].answered.tolist()):
            name = self.stages[number].name
            yield prediction(at, found[name].outputs[at, 0], self.bundles[name].labels, name)

    def _fed(self, stage: Stage, prepared: np.ndarray, found: Mapping[str, Ran], active: np.ndarray) -> np.ndarray:
        rows = stage.rows(prepared[active], {name: found[name].outputs[active] for name in stage.needs})
        return rows.reshape(rows.shape[0] * rows.shape[1], *rows.shape[2:])

    def _done(self, stage: Stage) -> int:
        return 0 if stage.concat else len(self.preprocessing)

    def _check(self, stage: Stage, outputs: Mapping[str, Shape], parts: Mapping[str, int]) -> None:
        takes = self.bundles[stage.name].inputs[0].shape[1:]
        if stage.crop and parts[stage.crop.map] > 1:
            raise wrong(f"stage {stage.name!r}: {stage.crop.map!r} runs for parts, so it gives more than one map a row")
        try:
            shape = stage.shape(self.shape, outputs, parts)
        except ValueError as error:
            raise wrong(f"stage {stage.name!r}: {error}") from None
        if shape != takes:
            raise wrong(f"stage {stage.name!r} is fed rows of shape {shape}, but its model takes {takes}")
        if stage.gate is None:
            return
        there = self.bundles[stage.gate].labels
        if parts[stage.gate] > 1 or (absent := sorted(set(stage.classes) - set(there))):
            said = f"{absent} are none of its classes {there}" if parts[stage.gate] == 1 else "it answers for parts"
            raise wrong(f"stage {stage.name!r} cannot wait for {stage.gate!r}: {said}")

    def _shared(self) -> Iterator[dict[str, Any]]:
        seeing = [self.bundles[stage.name].preprocessing for stage in self.stages if not stage.concat]
        for entries in zip(*seeing, strict=False):
            if any(entry != entries[0] for entry in entries):
                return
            yield entries[0]


def same_target(bundles: Mapping[str, Single]) -> dict[str, str]:
    """The target of all, `run` where all were run. Raises BundleError where they are for different ones."""
    profiles = {name: bundle.target.profile for name, bundle in bundles.items()}
    if len(set(profiles.values())) > 1:
        told = ", ".join(f"{name} for {profile}" for name, profile in profiles.items())
        raise wrong(f"the stages were proven for different targets: {told}")
    ran = all(bundle.target.checked == "run" for bundle in bundles.values())
    return {"profile": next(iter(profiles.values())), "checked": "run" if ran else "static"}
