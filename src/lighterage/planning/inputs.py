"""A task's `with` against its step's contract, and its `when`: checked, and turned into templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..diagnostics import Diagnostic, closest
from ..reading import Document
from ..schemas.contract import VALUE_TYPES, Port, fits, problems, type_name
from ..schemas.step import Step
from ..schemas.template import COMPARISONS, is_reference, references, resolve
from ..schemas.workflow import Task
from .references import Malformed, parse_expression, parse_value
from .scope import Scope, Unknown

Path = tuple[str | int, ...]


class InputChecker:
    """Checks one task; what it finds gathers in ``found``."""

    def __init__(
        self, document: Document, scope: Scope, name: str, task: Task, at: Path, arguments: dict[str, Any]
    ) -> None:
        self.document = document
        self.scope = scope
        self.name = name
        self.task = task
        self.at = at
        self.arguments = arguments
        self.found: list[Diagnostic] = []

    def inputs(self, step: Step | None) -> dict[str, Any]:
        """Input -> template, defaults filled in."""
        path: Path = (*self.at, "with")
        templates = {}
        for given, value in self.task.with_.items():
            before = len(self.found)
            template = self.template((*path, given), value)
            if step is None:
                continue
            if given not in step.inputs:
                self._unknown_input((*path, given), given, step)
                continue
            templates[given] = template
            if len(self.found) == before:  # else it was not understood, and its type would be no news
                self.check((*path, given), step.inputs[given], template)
        if step is None:
            return templates
        for wanted, port in step.inputs.items():
            if wanted in self.task.with_:
                continue
            if port.required:
                at = path if self.task.with_ else self.at
                self.report(
                    "L403",
                    at,
                    f"task {self.name!r} does not give {wanted!r}, which {step.name} needs",
                    hint=f"{wanted}: {port.text()}" + (f", {port.description}" if port.description else ""),
                    key=True,
                )
            elif port.has_default:
                templates[wanted] = port.default
        return templates

    def _unknown_input(self, path: Path, given: str, step: Step) -> None:
        near = closest(given, list(step.inputs))
        hint = f"did you mean {near!r}?" if near else f"its inputs: {', '.join(step.inputs) or 'none'}"
        self.report("L404", path, f"{step.name} has no input {given!r}", hint=hint, key=True)

    def template(self, path: Path, value: Any) -> Any:
        """The template of a value, each reference looked up; mistakes are reported at their own columns."""
        if isinstance(value, list):
            return [self.template((*path, index), item) for index, item in enumerate(value)]
        if isinstance(value, dict):
            for key in value:
                if key.startswith("$"):
                    self.report(
                        "L104", (*path, key), f"the key {key!r} starts with '$', which is kept for references", key=True
                    )
            return {key: self.template((*path, key), part) for key, part in value.items()}
        try:
            template = parse_value(value)
        except Malformed as error:
            self.report("L304", path, str(error), offset=error.offset)
            return None
        for name in references(template):
            self._port(path, name, value)
        return self._settled(template)

    def _settled(self, template: Any) -> Any:
        """Values of the environment are known now; everything else stays a reference."""
        names = list(references(template))
        if names and all(name.startswith("environment.") for name in names):
            return resolve(template, lambda name: self.scope.values.get(name.partition(".")[2]))
        if isinstance(template, dict) and "$text" in template:
            return {"$text": [self._settled(piece) for piece in template["$text"]]}
        return template

    def _port(self, path: Path, name: str, text: Any) -> Port | None:
        try:
            return self.scope.port(name, self.task)
        except Unknown as error:
            offset = text.find("${" + name) if isinstance(text, str) else -1
            self.report(error.code, path, str(error), hint=error.hint, offset=max(offset, 0))
            return None

    def check(self, path: Path, port: Port, template: Any) -> None:
        """A template against the contract of where it goes."""
        if is_reference(template):
            self._check_reference(path, port, template["$ref"])
        elif isinstance(template, dict) and "$text" in template:
            self._check_text(path, port, template)
        elif port.is_artifact and not isinstance(template, list):
            self.report(
                "L405",
                path,
                f"{path[-1]!r} needs an artifact ({port.text()}), not {type_name(template)}",
                hint="give another task's output: ${task.output}",
            )
        elif port.type == "list" and isinstance(template, list) and any(True for _ in references(template)):
            for index, item in enumerate(template):
                self.check((*path, index), port.items or Port(type="object"), item)
        elif not any(True for _ in references(template)):
            self._check_value(path, port, template, str(path[-1]))
        elif port.type != "object":
            self.report("L401", path, f"{path[-1]!r} must be {port.text()}, not {type_name(template)}")

    def _check_value(self, path: Path, port: Port, value: Any, said: str) -> None:
        for problem in problems(port, value):
            code = "L401" if problem.kind == "type" else "L402"
            self.report(code, (*path, *problem.path), f"{said!r} {problem.text}", hint=port.description or None)

    def _check_text(self, path: Path, port: Port, template: dict[str, Any]) -> None:
        if port.type != "string":
            self.report(
                "L401", path, f"{path[-1]!r} must be {port.text()}, but text with a reference inside is a string"
            )
        for name in references(template):
            given = self._known(name)
            if given is not None and given.type not in ("string", "integer", "number", "boolean"):
                self.report("L405", path, f"${{{name}}} is {given.text()} and cannot stand inside a text")

    def _known(self, name: str) -> Port | None:
        try:
            return self.scope.port(name, self.task)
        except Unknown:
            return None  # reported where the template was made

    def _check_reference(self, path: Path, port: Port, name: str) -> None:
        first, _, rest = name.partition(".")
        if first == "matrix":
            for value in self._axis_values(rest):
                self._check_value(path, port, value, f"matrix.{rest}")
            return
        given = self._known(name)
        if given is None:
            return
        if not fits(port, given):
            self.report(*self._mismatch(path, port, given, name))
        elif first == "parameters" and rest in self.arguments:
            self._check_value(path, port, self.arguments[rest], name)
        elif self.scope.is_optional(name) and port.required:
            self.report("L310", path, f"${{{name}}} may be left out by its step, but {path[-1]!r} must be given")

    def _axis_values(self, axis: str) -> list[Any]:
        matrix = self.task.matrix
        if matrix is None:
            return []
        return [*matrix.axes.get(axis, []), *(extra[axis] for extra in matrix.include if axis in extra)]

    @staticmethod
    def _mismatch(path: Path, port: Port, given: Port, name: str) -> tuple[str, Path, str]:
        said = f"{path[-1]!r} must be {port.text()}, but ${{{name}}} is {given.text()}"
        if (given.type == "list") != (port.type == "list"):
            many = f"{said}; it has one item for each instance of the matrix" if given.type == "list" else said
            return "L406", path, many
        artifacts = given.type not in VALUE_TYPES or port.type not in VALUE_TYPES or port.is_artifact
        return ("L405" if artifacts else "L401"), path, said

    def for_each(self) -> Any:
        """The list that instances are made of, as a template; None where there is none."""
        if self.task.for_each is None:
            return None
        path: Path = (*self.at, "for_each")
        before = len(self.found)
        template = self.template(path, self.task.for_each)
        if len(self.found) > before:
            return None
        given = self._known(template["$ref"]) if is_reference(template) else Port(type="string")
        if given is not None and given.type != "list":
            self.report("L401", path, f"'for_each' must be a list, not {given.text()}", hint="${task.output}")
        return template

    def condition(self) -> Any:
        """The task's `when` as an expression; None where there is none."""
        if self.task.when is None or self.task.when is True:
            return None
        return self.expression((*self.at, "when"), self.task.when) if isinstance(self.task.when, str) else False

    def expression(self, path: Path, text: str) -> Any:
        """A condition's text as an expression, its references and types checked."""
        try:
            expression = parse_expression(text)
        except Malformed as error:
            self.report("L304", path, str(error), offset=error.offset)
            return None
        for name in references(expression):
            self._port(path, name, text)
        for message in _type_mistakes(expression, self._type):
            self.report("L407", path, message)
        return self._settle_condition(expression)

    def _settle_condition(self, expression: Any) -> Any:
        if isinstance(expression, list):
            return [expression[0], *(self._settle_condition(operand) for operand in expression[1:])]
        return self._settled(expression)

    def _type(self, operand: Any) -> str | None:
        if not is_reference(operand):
            return type_name(operand)
        name = operand["$ref"]
        if name.startswith("matrix."):
            kinds = {type_name(value) for value in self._axis_values(name.partition(".")[2])}
            return kinds.pop() if len(kinds) == 1 else None
        port = self._known(name)
        return port.type if port else None

    def report(
        self, code: str, path: Path, message: str, *, hint: str | None = None, key: bool = False, offset: int = 0
    ) -> None:
        """Notes a mistake at a path of the document."""
        self.found.append(self.document.diagnostic(code, path, message, hint=hint, key=key, offset=offset))


def _type_mistakes(expression: Any, type_of: Callable[[Any], str | None]) -> Iterator[str]:
    """Operands of `and`, `or`, `not` must be true or false; both sides of a comparison must be of one kind."""
    if not isinstance(expression, list):
        kind = type_of(expression)
        if kind not in ("boolean", None):
            yield f"a condition must be true or false, but this is {kind}"
        return
    verb, *operands = expression
    if verb not in COMPARISONS:
        for operand in operands:
            yield from _type_mistakes(operand, type_of)
        return
    kinds = [("boolean" if isinstance(one, list) else type_of(one)) for one in operands]
    same = {"number" if kind == "integer" else kind for kind in kinds if kind}
    if len(same) > 1:
        yield f"{kinds[0]} and {kinds[1]} cannot be compared with {verb}"
    elif same - {"number", "string", "boolean"} or (verb not in ("==", "!=") and same & {"boolean"}):
        yield f"{kinds[0] or kinds[1]} cannot be compared with {verb}"
