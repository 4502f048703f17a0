"""`repeat`: what is carried from round to round, and when it is enough."""

from __future__ import annotations

from ..schemas.plan import PlannedRepeat
from ..schemas.step import Step
from ..schemas.template import references
from ..schemas.workflow import Repeat
from .inputs import InputChecker, Path


def settle_rounds(repeat: Repeat | None, step: Step | None, checker: InputChecker) -> PlannedRepeat | None:
    """The rounds with their templates; mistakes gather in the checker."""
    if repeat is None:
        return None
    path: Path = (*checker.at, "repeat")
    for name, output in repeat.carry.items():
        if step and output not in step.outputs:
            message = f"{step.name} has no output {output!r} to carry"
            hint = f"its outputs: {', '.join(step.outputs) or 'none'}"
            checker.report("L302", (*path, "carry", name), message, hint=hint)
    start = {}
    for name, value in repeat.start.items():
        before = len(checker.found)
        start[name] = checker.template((*path, "start", name), value)
        port = step.outputs.get(repeat.carry.get(name, "")) if step else None
        if port and len(checker.found) == before:
            checker.check((*path, "start", name), port, start[name])
    until = None
    if repeat.until is not None:
        until = checker.expression((*path, "until"), repeat.until)
        for name in references(until):
            if name.partition(".")[0] not in (checker.name, "parameters"):
                message = f"${{{name}}} does not change from round to round; use the task's own outputs"
                checker.report("L304", (*path, "until"), message)
    return PlannedRepeat(times=repeat.times, until=until, start=start, carry=repeat.carry)
