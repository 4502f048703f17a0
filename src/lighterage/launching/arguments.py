"""The launcher's arguments as Argo hands them over."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..schemas import BadInput
from ..schemas.contract import Port, problems, typed


def whole(argument: str) -> str:
    """Argo hands over an argument of more than 128 KiB as ``@`` and the name of a file that holds it."""
    return Path(argument[1:]).read_text(encoding="utf-8") if argument.startswith("@") else argument


def decoded(argument: str) -> str:
    """``name=text`` of ``name=BASE64``."""
    name, _, text = argument.partition("=")
    return f"{name}={base64.b64decode(text, validate=True).decode()}"


def parameters_of(ports: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """Typed values of `name=value` arguments. Raises BadInput for one that breaks its contract."""
    values = {}
    for argument in given:
        name, _, text = argument.partition("=")
        port = Port.model_validate(ports[name])
        values[name] = typed(port, text)
        for problem in problems(port, values[name]):
            raise BadInput(f"parameter {name!r} {problem.text}")
    return values
