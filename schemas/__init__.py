"""What people may write (workflow, step, environment) and what the engine keeps (plan, records, bundle).

Every model refuses unknown fields and silent conversions. Import the module you need: this package loads none of
them by itself, so that a command which needs one schema does not pay for all.
"""

from __future__ import annotations


class BadInput(Exception):
    """What a step raises when its input cannot be used whatever is tried: reported as such, never retried (exit 64)."""
