"""A step's function against its contract, by reading the code, never by importing it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ..catalog import FoundStep
from ..diagnostics import Diagnostic, closest
from ..reading import Document, check
from ..schemas.step import Step

_PLACEHOLDER = re.compile(r"\$\{(inputs|outputs)\.(\w+)\}")


def check_step(document: Document, folder: Path) -> list[Diagnostic]:
    """Every mistake in one `step.yaml` and in the function it names."""
    step, found = check(document, Step)
    return found if step is None else found + code_mistakes(FoundStep(step, document, folder, shipped=False))


def code_mistakes(found: FoundStep) -> list[Diagnostic]:
    """What a caller of the function would stumble over: no such file or function, arguments that do not match."""
    step = found.step
    if step.python is None:
        return _placeholder_mistakes(found)
    module, _, function = step.python.partition(":")
    file = found.folder / f"{module}.py"

    def report(code: str, message: str, hint: str | None = None) -> list[Diagnostic]:
        return [found.document.diagnostic(code, ("python",), message, hint=hint)]

    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except OSError:
        return report("L204", f"there is no file {file.name} beside this step.yaml")
    except (SyntaxError, ValueError) as error:
        return report("L204", f"{file.name} is not Python: {error}")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            difference = signature_difference(node, _arguments(found))
            return report("L203", f"{step.python} and the contract disagree: {difference}") if difference else []
    return report("L204", f"{file.name} has no function {function!r}")


def _placeholder_mistakes(found: FoundStep) -> list[Diagnostic]:
    """What a command asks for that its contract does not have: it would be given nothing."""
    known = {"inputs": found.step.inputs, "outputs": found.step.outputs}
    mistakes = []
    for number, part in enumerate(found.step.command or ()):
        for side, name in _PLACEHOLDER.findall(part):
            if name not in known[side]:
                near = closest(name, list(known[side]))
                hint = f"did you mean {near!r}?" if near else f"${{code}} and the contract's {side} can be used"
                message = f"the command uses ${{{side}.{name}}}, but the contract has no such {side.removesuffix('s')}"
                mistakes.append(found.document.diagnostic("L203", ("command", number), message, hint=hint))
    return mistakes


def _arguments(found: FoundStep) -> set[str]:
    """What the launcher passes: every input, and a place for every artifact output."""
    return {*found.step.inputs, *(name for name, port in found.step.outputs.items() if port.is_artifact)}


def signature_difference(node: ast.FunctionDef, passed: set[str]) -> str | None:
    """How a function's arguments differ from what it is passed; None when they agree."""
    arguments = node.args
    named = [argument.arg for argument in [*arguments.args, *arguments.kwonlyargs]]
    if arguments.posonlyargs:
        return "positional-only arguments cannot be passed by name"
    unknown = [] if arguments.kwarg else sorted(passed - set(named))
    if unknown:
        return f"the function does not take {', '.join(unknown)}"
    with_default = set(named[len(arguments.args) - len(arguments.defaults) : len(arguments.args)])
    with_default |= {a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    extra = sorted(set(named) - passed - with_default)
    return f"the contract does not give {', '.join(extra)}" if extra else None
