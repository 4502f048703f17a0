"""The steps that tasks use: found once each, checked, and pinned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..catalog import FoundStep, NotFound, find_step
from ..diagnostics import Diagnostic, Mistakes
from ..reading import Document
from ..schemas.contract import Port
from ..schemas.environment import Environment
from ..schemas.plan import PlannedStep, digest_of
from ..schemas.step import Step
from ..schemas.workflow import Approval
from .code import code_mistakes
from .nested import SUFFIXES, Nested, contract_of, steps_of

At = tuple[str | int, ...]
Nest = Callable[[str, At], tuple[Nested | None, list[Diagnostic]]]
"""plans a workflow that another uses, by how that names it"""


class Uses:
    """Steps by how a workflow names them; what is wrong with them gathers in ``found``."""

    def __init__(self, document: Document, environment: Environment, nest: Nest) -> None:
        self._document = document
        self._environment = environment
        self._nest = nest
        self._steps: dict[str, FoundStep | None] = {}
        self._approvals: dict[str, PlannedStep] = {}
        self._nested: dict[str, Nested | None] = {}
        self.found: list[Diagnostic] = []

    def step(self, uses: str, at: At) -> Step | None:
        """The step's contract, or None where it cannot be used; ``at`` is the path of the first who asks for it."""
        if uses.endswith(SUFFIXES):
            nested = self.workflow(uses, at)
            return nested.step if nested else None
        if uses not in self._steps:
            self._steps[uses] = self._find(uses, at)
        found = self._steps[uses]
        return found.step if found else None

    def approval(self, approval: Approval, at: At) -> tuple[str, Step]:
        """A step of its own for what a person may say: its name in the plan, and its contract."""
        step = contract_of("approve", {}, approval.inputs)
        digest = digest_of({name: port.model_dump(mode="json") for name, port in approval.inputs.items()})
        key = f"approve:{digest.removeprefix('sha256:')[:8]}"
        self._approvals[key] = PlannedStep(
            name="approve",
            version=step.version,
            contract=digest,
            code="",
            image="engine",
            outputs=_plain(step.outputs),
            uses=key,
        )
        self._check_image(step, at)
        return key, step

    def workflow(self, uses: str, at: At) -> Nested | None:
        """The workflow that is used as a step."""
        if uses not in self._nested:
            self._nested[uses], mistakes = self._nest(uses, at)
            self.found += mistakes
        return self._nested[uses]

    def _find(self, uses: str, at: At) -> FoundStep | None:
        near = Path(self._document.file).absolute().parent
        try:
            step, mistakes = find_step(uses, near)
        except NotFound as error:
            self.found.append(self._document.diagnostic(error.code, at, error.message, hint=error.hint))
            return None
        except Mistakes as error:
            self.found += error.diagnostics
            return None
        self.found += mistakes
        if step:
            self.found += code_mistakes(step)
            self._check_image(step.step, at)
        return step

    def _check_image(self, step: Step, at: At) -> None:
        on_cluster = any(site.target == "argo" for site in self._environment.sites.values())
        image, images = step.image, self._environment.images
        if not on_cluster or image in images:
            return
        if any(mark in image for mark in "/:@"):
            if step.python or "engine" in images:
                return
            image, does = "engine", "needs the image 'engine' to stage for its own"
        else:
            does = f"runs in the image {image!r}"
        message = f"step {step.name} {does}, which environment {self._environment.name!r} does not name"
        hint = f"add to the environment: images: {{{image}: …}}"
        self.found.append(self._document.diagnostic("L206", at, message, hint=hint))

    def planned(self) -> dict[str, PlannedStep]:
        """Every step that was found, those of nested workflows too, as a plan keeps it."""
        steps = self._approvals | {uses: _planned(uses, step) for uses, step in self._steps.items() if step}
        for uses, nested in self._nested.items():
            steps |= steps_of(uses, nested.plan) if nested else {}
        return dict(sorted(steps.items()))


def _planned(uses: str, found: FoundStep) -> PlannedStep:
    step = found.step
    return PlannedStep(
        name=step.name,
        version=step.version,
        contract=found.contract_digest,
        code=found.code_digest,
        image=step.image,
        python=step.python,
        command=step.command,
        requires=step.requires,
        preload=step.preload,
        inputs=_plain(step.inputs),
        outputs=_plain(step.outputs),
        uses=uses,
        folder=found.folder,
    )


def _plain(ports: dict[str, Port]) -> dict[str, Port]:
    """Contracts without their prose: a plan carries what decides, not what explains."""
    return {
        name: port.model_copy(update={"description": ""}) if port.description else port for name, port in ports.items()
    }
