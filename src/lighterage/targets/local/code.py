"""What runs is what was planned, though somebody may edit a step while the run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from ...launching.delivery import copied
from ...schemas.plan import Plan
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
