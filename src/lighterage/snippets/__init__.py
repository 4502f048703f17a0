"""Code for an app in another language, from a bundle's manifest: names, labels, preprocessing, and how to call the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import Unsupported, facts
from .languages import LANGUAGES
from .template import fill

if TYPE_CHECKING:
    from ..edge.manifest import Manifest

__all__ = ["LANGUAGES", "Unsupported", "snippet"]


def snippet(manifest: Manifest, language: str) -> str:
    """The code, for a bundle whose files were checked, in one of `LANGUAGES`. Raises Unsupported."""
    return fill(language, facts(manifest), LANGUAGES[language])
