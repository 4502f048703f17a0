"""Runs a plan on this machine: tasks side by side in warm workers, within its CPUs and memory."""

from .capacity import Capacity, machine
from .run import Observer, Options, Outcome, run_plan

__all__ = ["Capacity", "Observer", "Options", "Outcome", "machine", "run_plan"]
