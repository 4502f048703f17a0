"""A workflow's manifests, for the commands that write and that submit them."""

from __future__ import annotations

from typing import Literal

import click

from ..diagnostics import Mistakes
from ..planning import Planned
from .loading import plan


def plan_for_cluster(
    workflow: str, environment: str, parameters: tuple[str, ...], params: str | None, store: str | None
) -> Planned:
    """The plan for an environment whose site is a cluster. Raises Mistakes and UsageError."""
    planned = plan(workflow, environment, parameters, params, store)
    assert planned.environment is not None
    site_name, site = next(iter(planned.environment.sites.items()))
    if site.target != "argo":
        raise click.UsageError(
            f"site {site_name!r} of {environment!r} is this machine: use lighterage run -e {environment}"
        )
    return planned


def manifests(
    planned: Planned, form: Literal["template", "workflow", "cron"] = "template", *, require_digest: bool = False
) -> dict[str, str]:
    """File name -> text. Raises Mistakes that know their place in the user's files."""
    from ..targets.argo import compile_plan

    assert planned.plan is not None and planned.environment is not None
    environment = planned.environment
    if require_digest:
        security = environment.security.model_copy(update={"require_digest": True})
        environment = environment.model_copy(update={"security": security})
    try:
        return compile_plan(planned.plan, environment, form)
    except Mistakes as error:
        raise Mistakes(map(planned.placed, error.diagnostics)) from None
