"""Data outside the store, by URL. URLs are untrusted: they are checked as text before any library sees them."""

from __future__ import annotations

from typing import Any

from ..schemas import BadInput
from ..schemas.url import BadUrl, location


def object_facts(url: str) -> list[list[Any]]:
    """Name, size and version of every object under a URL, as its store tells them, without reading the objects.

    Raises BadInput for a URL that is not taken.
    """
    try:
        location(url)
    except BadUrl as error:
        raise BadInput(f"a URL of data cannot be used: {error}") from None
    import fsspec

    fs, root = fsspec.core.url_to_fs(url)
    try:
        found = fs.find(root, detail=True) or {root: fs.info(root)}
    except FileNotFoundError:
        raise BadInput(f"there is nothing at {url}") from None
    return [[name.removeprefix(root), info.get("size"), str(_version(info))] for name, info in sorted(found.items())]


def _version(info: dict[str, Any]) -> Any:
    names = ("ETag", "etag", "md5Hash", "generation", "content_settings", "LastModified", "mtime", "created")
    return next((info[name] for name in names if info.get(name)), None)
