"""Finds steps and environments: those that ship, the user's own, and those of installed packages."""

from .environments import find_environment, shipped_environments
from .steps import FoundStep, NotFound, find_step, shipped_steps

__all__ = ["FoundStep", "NotFound", "find_environment", "find_step", "shipped_environments", "shipped_steps"]
