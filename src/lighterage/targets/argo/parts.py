"""Plans too large for one object: their shards move into WorkflowTemplates of their own, to which the main one refers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.environment import Site
from ...schemas.plan import Plan, digest_of
from .dag import SHARD

if TYPE_CHECKING:
    from hera.workflows import models

OBJECT_BYTES = 1 << 20
"""largest object (MAX_WORKFLOW_SIZE)"""
_ROOM = OBJECT_BYTES // 4
"""for what an object holds besides its templates, and so that the file that holds it is no larger either"""


def size_of(value: Any) -> int:
    """Bytes of an object as clusters count them: as JSON."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def split(
    plan: Plan, site: Site, templates: Sequence[models.Template], labels: dict[str, str]
) -> tuple[list[models.Template], list[dict[str, Any]]]:
    """The templates of the main object, and the objects that hold the shards; none where all fit into one.

    Each part holds the other templates too, so that it refers to nothing.
    """
    from .hera_models import models as m

    dumped = {str(one.name): one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in templates}
    shards = [name for name in dumped if name.startswith(SHARD)]
    if not shards or size_of(list(dumped.values())) < OBJECT_BYTES - _ROOM:
        return list(templates), []
    main, *rest = [one for one in templates if str(one.name) not in shards]
    others = [dumped[str(one.name)] for one in rest]
    parts: list[dict[str, Any]] = []
    home: dict[str, str] = {}
    for group in _groups({name: size_of(dumped[name]) for name in shards}, OBJECT_BYTES - _ROOM - size_of(others)):
        spec = {"templates": [*(dumped[name] for name in group), *others]}
        name = f"{plan.workflow}-part-{digest_of(spec).removeprefix('sha256:')[:10]}"
        metadata = {"name": name, "namespace": site.namespace, "labels": labels}
        parts.append(
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": metadata, "spec": spec}
        )
        home |= dict.fromkeys(group, name)
    assert main.dag is not None and main.dag.tasks is not None
    entries = [
        one.model_copy(
            update={
                "template": None,
                "template_ref": m.TemplateRef(name=home[str(one.template)], template=one.template),
            }
        )
        for one in main.dag.tasks
    ]
    return [main.model_copy(update={"dag": main.dag.model_copy(update={"tasks": entries})}), *rest], parts


def _groups(sizes: dict[str, int], most: int) -> list[list[str]]:
    """Names in order, as many together as fit."""
    groups: list[list[str]] = [[]]
    room = most
    for name, size in sizes.items():
        if size > room and groups[-1]:
            groups.append([])
            room = most
        groups[-1].append(name)
        room -= size
    return groups
