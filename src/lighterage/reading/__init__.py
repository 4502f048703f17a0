"""YAML text -> values that know their line and column."""

from .checking import check
from .document import Document
from .yaml_text import read_document

__all__ = ["Document", "check", "read_document"]
