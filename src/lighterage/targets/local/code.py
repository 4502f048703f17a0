"""What runs is what was planned, though somebody may edit a step while the run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...launching.code import package_folder
from ...launching.delivery import copied
from ...launching.execute import Work, execute
from ...launching.failure import TaskFailure
from ...schemas.plan import Plan
from ...schemas.tree import code_digest
from ...storing import Store


@contextmanager
def own_code_kept(plan: Plan, store: Store) -> Iterator[Plan]:
    """The plan with copies of the user's own steps, which later edits do not reach.

    Raises BadInput for a step that has changed since it was planned, StoreError where copies cannot be written.
    """
    own = {name: step for name, step in plan.steps.items() if step.own and step.needs_code and step.folder}
    if not own:
        yield plan
        return
    folder = store.workspace()
    try:
        copies = {
            name: step.model_copy(update={"folder": copied(step, folder / str(number)), "written": step.folder})
            for number, (name, step) in enumerate(own.items())
        }
        yield plan.model_copy(update={"steps": {**plan.steps, **copies}})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute_as_planned(work: Work, store: Store) -> dict[str, Any]:
    """`execute`, which keeps nothing under the key of an installed step's code when that was edited meanwhile."""
    outputs = execute(work, store)
    step = work.step
    if not step.own and step.needs_code and code_digest(package_folder(step)) != step.code:
        raise TaskFailure(
            "missing", f"the code of {step.uses} changed while the task ran: nothing is kept of it; run it again"
        )
    return outputs
