"""Options and steps that commands share: a workflow, its environment, its parameters, its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..catalog import NotFound, find_environment
from ..diagnostics import Mistakes
from ..planning import Planned, plan_workflow
from ..planning.arguments import BadArgument
from ..reading import Document, check, read_document
from ..schemas.contract import typed
from ..schemas.environment import Environment
from ..schemas.workflow import Workflow
from .talk import show_diagnostics

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def environment_option(default: str | None = "laptop") -> Decorator:
    return click.option(
        "-e",
        "--environment",
        default=default,
        required=default is None,
        metavar="NAME",
        help="An environment's name or file." + (f" Default: {default}." if default else ""),
    )


def parameter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--params", type=click.Path(dir_okay=False), metavar="FILE", help="A YAML or JSON file of parameters."
    )(function)
    return click.option(
        "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter's value; may be repeated."
    )(function)


def store_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--store", metavar="URL", help="A store in place of the environment's.")(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text", help="Form of what is printed."
    )(function)


def read_environment(name: str, near: Path) -> Document:
    """The environment's file. Raises UsageError with the names there are."""
    try:
        return read_document(find_environment(name, near))
    except NotFound as error:
        raise click.UsageError(f"{error.message}; {error.hint}") from None


def environment_in(document: Document) -> Environment:
    """The environment that a file describes. Raises Mistakes."""
    found, mistakes = check(document, Environment)
    if found is None:
        raise Mistakes(mistakes)
    return found


def plan(
    workflow: str,
    environment: str,
    parameters: tuple[str, ...] = (),
    params: str | None = None,
    store: str | None = None,
) -> Planned:
    """The plan that a command works on; its warnings are shown. Raises Mistakes and UsageError."""
    document = read_document(Path(workflow))
    near = Path(workflow).absolute().parent
    environment_document = read_environment(environment, near)
    try:
        planned = plan_workflow(document, environment_document, _given(document, parameters, params), store=store)
    except BadArgument as error:
        raise click.UsageError(str(error)) from None
    if planned.plan is None:
        raise Mistakes(planned.found)
    show_diagnostics(planned.found)
    return planned


def _given(document: Document, parameters: tuple[str, ...], params: str | None) -> dict[str, Any]:
    """Typed values: those of the file first, those of the command line over them."""
    given: dict[str, Any] = {}
    if params:
        value = read_document(Path(params)).value
        if not isinstance(value, dict):
            raise click.UsageError(f"{params} must hold a mapping of parameters to values")
        given |= value
    if not parameters:
        return given
    workflow, _ = check(document, Workflow)
    ports = workflow.parameters if workflow else {}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"-p {text}: write -p name=value")
        given[name] = typed(ports[name], value) if name in ports else value
    return given
