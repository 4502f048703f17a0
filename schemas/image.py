"""References of images as text: ``registry.example/lighterage/engine:0.1.0@sha256:…``.

The grammar is that of https://pkg.go.dev/github.com/distribution/reference, for digests of sha256 and sha512.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
_LONGEST_NAME = 255


class ImageReference(NamedTuple):
    """Its parts; at most one of ``tag`` and ``digest`` decides: the digest where there is one."""

    name: str
    """registry and repository"""
    tag: str | None
    digest: str | None
    """sha256:…"""

    @property
    def tagged(self) -> str:
        """The reference without its digest, which is what may point to another image tomorrow."""
        return f"{self.name}:{self.tag}" if self.tag else self.name

    @property
    def locked(self) -> str:
        """The whole reference."""
        return f"{self.tagged}@{self.digest}" if self.digest else self.tagged


def parse_image(text: str) -> ImageReference:
    """The parts of a reference. Raises ValueError for text that is none."""
    match = _REFERENCE.fullmatch(text)
    if match is None or len(match["name"]) > _LONGEST_NAME:
        raise ValueError("an image is registry/name:tag, name@sha256:… or both; the name is in lower case")
    return ImageReference(match["name"], match["tag"], match["digest"])


def _checked(text: str) -> str:
    parse_image(text)
    return text


Image = Annotated[str, AfterValidator(_checked)]
