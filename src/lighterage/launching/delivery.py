"""The code of the user's own steps, from where they write it to where it runs: through the store, or in an image.

Both ways it goes by its digest, which is part of the cache key: what runs is what was planned, or nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..schemas import BadInput
from ..schemas.plan import Plan, PlannedStep
from ..schemas.record import ArtifactRef
from ..schemas.tree import code_digest, code_files
from ..storing import MissingObject, Store, StoreError
from .code import package_folder
from .failure import TaskFailure

BAKED = Path("/opt/lighterage/steps")
"""folder of an image that holds steps, each in a folder named by the hexadecimal digits of its digest"""


def deliver(plan: Plan, store: Store) -> None:
    """Puts the code of the user's own steps in the store. Raises StoreError, and BadInput for code that changes meanwhile."""
    for step in plan.steps.values():
        if step.own and step.needs_code and step.folder:
            with tempfile.TemporaryDirectory(prefix="lighterage-") as folder:
                copy = copied(step, Path(folder, "code"))
                store.put(copy, "folder")


def copied(step: PlannedStep, destination: Path) -> Path:
    """A copy of a step's code, and of nothing else in its folder. Raises BadInput when it is not what was planned."""
    assert step.folder is not None
    destination.mkdir(parents=True)
    for file in code_files(step.folder):
        place = destination / file.relative_to(step.folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    if code_digest(destination) != step.code:
        raise BadInput(f"the code of {step.uses} has changed since it was planned")
    return destination


def with_code(step: PlannedStep, store: Store | None, workspace: Path) -> PlannedStep:
    """The step with the folder of its code: of an installed package, baked into this image, or else out of the store.

    Its digest is checked: a result must not be kept under the name of other code. Without ``store`` it must be here
    already. Raises TaskFailure where it is not.
    """
    if not step.needs_code:
        return step
    folder = BAKED / step.code.removeprefix("sha256:") if step.own else package_folder(step)
    if folder.is_dir():
        if code_digest(folder) != step.code:
            raise TaskFailure("missing", f"this image holds another version of {step.uses} than was planned: {folder}")
        return step.model_copy(update={"folder": folder})
    if not step.own:
        raise TaskFailure("missing", f"this image holds no step {step.uses}: {folder} is not there")
    what = f"the code of {step.uses}, {step.code}, is not in"
    if store is None:
        raise TaskFailure("missing", f"{what} this image; lighterage images build puts it there")
    folder = workspace / "code"
    try:
        store.fetch(ArtifactRef(type="folder", digest=step.code, size=0, tree=True), folder)
    except MissingObject:
        raise TaskFailure("missing", f"{what} the store; lighterage submit puts it there") from None
    except StoreError as error:
        raise TaskFailure("store", str(error)) from error
    return step.model_copy(update={"folder": folder})
