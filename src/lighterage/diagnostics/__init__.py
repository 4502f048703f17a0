"""Mistakes as data: what is wrong, where, and how to mend it."""

from .catalogue import codes, page, title
from .diagnostic import Diagnostic, Missing, Mistakes, closest
from .rendering import render

__all__ = ["Diagnostic", "Missing", "Mistakes", "closest", "codes", "page", "render", "title"]
