"""The one way in which a task's work fails."""

from __future__ import annotations

from ..schemas.record import Failure

BAD_INPUT = 64
"""Exit code of a task whose input cannot be used: never tried again."""


class TaskFailure(Exception):
    """Carries the failure as it will stand in the record; ``told`` when the task's log has it already."""

    def __init__(
        self, kind: str, message: str, *, exit_code: int | None = None, signal: str | None = None, told: bool = False
    ) -> None:
        super().__init__(message)
        self.told = told
        self.failure = Failure.model_validate(
            {"kind": kind, "message": message, "exit_code": exit_code, "signal": signal}
        )
