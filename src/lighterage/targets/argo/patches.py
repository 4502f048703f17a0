"""`argo:` of a task: fields of Argo's template that the language does not cover, checked one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...schemas.plan import PlannedTask

if TYPE_CHECKING:
    from hera.workflows import models

FIELDS = ("affinity", "metadata", "nodeSelector", "priorityClassName", "schedulerName", "tolerations")
"""what decides where and with what priority a pod runs; nothing that could give it more rights"""
_ARGOS_OWN = "workflows.argoproj.io/"

Path = tuple[str | int, ...]


def problems(patch: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What is wrong with a patch: where in it, and a sentence."""
    from pydantic import ValidationError

    from .hera_models import models as m

    for name in patch.keys() - set(FIELDS):
        yield (name,), f"{name!r} cannot be patched; {', '.join(FIELDS)} can"
    known = {name: value for name, value in patch.items() if name in FIELDS}
    try:
        template = m.Template.model_validate(known)
    except ValidationError as error:
        for one in error.errors():
            yield tuple(one["loc"]), one["msg"]
        return
    # Hera drops what it does not know without a word, so what is left is compared.
    yield from _dropped(known, template.model_dump(mode="json", by_alias=True, exclude_none=True), ())
    for kind in ("labels", "annotations"):
        for name in (known.get("metadata") or {}).get(kind) or {}:
            if name.startswith(_ARGOS_OWN):
                yield ("metadata", kind, name), f"{name} is Argo's own"


def _dropped(given: Any, kept: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name not in kept:
                yield (*path, name), f"{name!r} is no field that Argo knows here"
            else:
                yield from _dropped(value, kept[name], (*path, name))
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _dropped(one, other, (*path, index))


def patched(template: models.Template, task: PlannedTask) -> models.Template:
    """The template with the task's own fields: mappings and lists are added to, the rest takes its place."""
    if not task.argo:
        return template
    whole = template.model_dump(mode="json", by_alias=True, exclude_none=True)
    return type(template).model_validate(_merged(whole, task.argo))


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: _merged(below[name], value) if name in below else value for name, value in above.items()}
    return [*below, *above] if isinstance(below, list) and isinstance(above, list) else above
