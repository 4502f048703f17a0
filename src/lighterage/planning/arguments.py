"""Values of parameters: from `-p name=value`, a file of them, and the defaults."""

from __future__ import annotations

from typing import Any

from ..diagnostics import closest
from ..schemas.contract import Port, problems


class BadArgument(Exception):
    """A parameter that does not exist, has no value, or has one that its contract refuses."""


def settle_arguments(ports: dict[str, Port], given: dict[str, Any]) -> dict[str, Any]:
    """Every parameter's value. ``given`` holds typed values. Raises BadArgument, which names all that is wrong."""
    wrong = []
    for name in given:
        if name not in ports:
            near = closest(name, list(ports))
            wrong.append(f"the workflow has no parameter {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    values = {}
    for name, port in ports.items():
        if name in given:
            values[name] = given[name]
            wrong += [f"parameter {name!r} {problem.text}" for problem in problems(port, given[name])]
        elif port.has_default:
            values[name] = port.default
        elif not port.optional:
            wrong.append(f"parameter {name!r} needs a value: -p {name}=…")
    if wrong:
        raise BadArgument("\n".join(wrong))
    return values
