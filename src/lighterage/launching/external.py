"""Data outside the store, by URL. URLs are untrusted: the protocol is checked as text before any library sees it."""

from __future__ import annotations

import re
from typing import Any

from ..schemas import BadInput

PROTOCOLS = ("file", "s3", "gs", "az", "abfs", "memory")
_URL = re.compile(r"(?P<protocol>[a-z0-9+]+)://(?P<rest>.*)", re.DOTALL)


def checked_url(url: str) -> str:
    """The URL, if its protocol is one of ours, nothing is chained and it carries no credentials. Raises BadInput."""
    match = _URL.fullmatch(url)
    protocol = match["protocol"] if match else ""
    if protocol not in PROTOCOLS or "::" in url:
        raise BadInput(
            f"data can be read from {', '.join(PROTOCOLS)} URLs and local paths, not from {url.split('?')[0]!r}"
        )
    user, at, _ = match["rest"].split("/")[0].partition("@") if match else ("", "", "")
    if at and (protocol != "abfs" or ":" in user):  # abfs://container@account names a place
        raise BadInput("a URL must not carry credentials; they come from the ambient identity")
    return url


def object_facts(url: str) -> list[list[Any]]:
    """Name, size and version of every object under a URL, as its store tells them, without reading the objects."""
    import fsspec

    fs, root = fsspec.core.url_to_fs(checked_url(url))
    try:
        found = fs.find(root, detail=True) or {root: fs.info(root)}
    except FileNotFoundError:
        raise BadInput(f"there is nothing at {url}") from None
    return [[name.removeprefix(root), info.get("size"), str(_version(info))] for name, info in sorted(found.items())]


def _version(info: dict[str, Any]) -> Any:
    names = ("ETag", "etag", "md5Hash", "generation", "content_settings", "LastModified", "mtime", "created")
    return next((info[name] for name in names if info.get(name)), None)
