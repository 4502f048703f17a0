"""Workflow + environment + steps -> Plan, or every mistake in them."""

from .plan import Planned, plan_workflow

__all__ = ["Planned", "plan_workflow"]
