"""What a person's answer makes of a task that asked for it."""

from __future__ import annotations

from typing import Any

from ..schemas import BadInput
from ..schemas.contract import Port, problems
from ..schemas.plan import PlannedApproval
from ..schemas.record import Failure


def outcome(
    approval: PlannedApproval, ports: dict[str, Port], answer: dict[str, Any] | None
) -> tuple[dict[str, Any], Failure | None]:
    """The task's outputs, or why it failed. ``answer`` is ``{"approved": bool, "values": {…}}``, None for silence.

    Raises BadInput for values that break their contracts.
    """
    approved = approval.otherwise == "approve" if answer is None else answer["approved"]
    if not approved:
        said = "nobody approved in time" if answer is None else "rejected"
        return {}, Failure(kind="rejected", message=f"{said}: {approval.message}", exit_code=1)
    given = answer["values"] if answer else {}
    values = {name: port.default for name, port in ports.items() if port.has_default} | given
    wrong = [f"{name!r} is not asked for" for name in given if name not in ports]
    for name, port in ports.items():
        if name in values:
            wrong += [f"{name!r} {problem.text}" for problem in problems(port, values[name])]
        elif port.required:
            wrong.append(f"{name!r} must be said")
    if wrong:
        raise BadInput("; ".join(wrong))
    return values, None
