"""Compiles a plan to plain Argo Workflows manifests."""

from .compile import compile_plan

__all__ = ["compile_plan"]
