"""A task whose program runs in an image of its own, which knows nothing of the engine: what happens before and after.

Three containers of one pod share a folder: the first brings inputs and arguments there, the second runs the program
through `step-exec`, the third takes the outputs from there. The third looks at everything anew and trusts nothing in the
folder but the outputs, how the program ended and what external data was before: the program could have written anything
there, and with these three it harms its own result only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..schemas import BadInput
from ..storing import Store, StoreError
from .commands import ended, prepare, values_left
from .execute import Work, collect, make_room, staged, value_outputs
from .failure import BAD_INPUT, TaskFailure

TASK = "task"
"""the task's folder below the shared one"""
LOG = "log"
"""below that: what the program printed"""
STEP_EXEC = "bin/step-exec"
"""below the shared folder: what runs the program"""
EXTERNAL = "external.json"
"""in the task's folder: what external data was when inputs were brought, a fingerprint by input"""
_CODE = re.compile(r"-?[0-9]{1,3}")
_LIBEXEC = "/usr/local/libexec/lighterage"
"""where the engine's image has it; elsewhere it may be on the PATH"""


def bring_program(shared: Path) -> None:
    """Puts `step-exec` where the program's image can see it. Raises BadInput where this image has none."""
    origin = shutil.which("step-exec", path=f"{_LIBEXEC}:{os.environ.get('PATH', '')}")
    if origin is None:
        raise BadInput(f"the engine's image has no {_LIBEXEC}/step-exec; lighterage images build makes one that has")
    place = shared / STEP_EXEC
    place.parent.mkdir(exist_ok=True)
    shutil.copy(origin, place)


def stage_in(work: Work, store: Store, with_code: Callable[[Work], Work], external: Mapping[str, str]) -> None:
    """Inputs and arguments, where the program finds them; or what went wrong, for those who come after."""
    (work.folder / EXTERNAL).write_text(json.dumps(external), encoding="utf-8")
    try:
        _stage_in(with_code(work), store)
    except BadInput as error:
        _tell(work, TaskFailure("bad_input", str(error), exit_code=BAD_INPUT))
    except StoreError as error:
        _tell(work, TaskFailure("store", str(error)))
    except TaskFailure as error:
        _tell(work, error)


def _tell(work: Work, failure: TaskFailure) -> None:
    print(failure, file=sys.stderr)
    (work.folder / "failed.json").write_text(failure.failure.model_dump_json(), encoding="utf-8")


def _stage_in(work: Work, store: Store) -> None:
    make_room(work)
    code = work.folder / "code"
    if work.step.folder and work.step.folder != code:
        shutil.copytree(work.step.folder, code)
    arguments = prepare(work.step.command or [], staged(work, store), work.folder, code)
    (work.folder / "arguments").write_bytes(b"".join(one.encode() + b"\0" for one in arguments))


def external_before(work: Work, now: Mapping[str, str]) -> dict[str, str]:
    """Fingerprints of external data as `stage_in` found it, or as it is now where that cannot be read any more."""
    try:
        before = json.loads((work.folder / EXTERNAL).read_text(encoding="utf-8"))
        return {name: str(before[name]) for name in now}
    except (OSError, ValueError, LookupError, TypeError):
        return dict(now)


def stage_out(work: Work, store: Store) -> dict[str, Any]:
    """What the program left, published; outputs as a record keeps them. Raises TaskFailure."""
    if (work.folder / "failed.json").is_file():
        raise TaskFailure(**json.loads((work.folder / "failed.json").read_text(encoding="utf-8")))
    try:
        how = (work.folder / "ended").read_text(encoding="utf-8").strip()
    except OSError:
        raise TaskFailure("missing", "the program was not run, though there was work to do: run it again") from None
    if how.startswith("!"):
        raise TaskFailure("missing", f"{(work.step.command or ['?'])[0]!r} cannot be started: {how[1:]}")
    if how != "0":
        raise ended(int(how) if _CODE.fullmatch(how) else 1)
    try:
        return collect(work, values_left(value_outputs(work.step), work.folder), store)
    except StoreError as error:
        raise TaskFailure("store", str(error)) from error
