"""Words that manifests and the launcher of a pod agree on."""

from __future__ import annotations

EACH = "each"
"""count of a task's instances where a run decides: as many as there are records"""
LAST = "last"
"""the same for rounds, of which the last record counts"""
AGAIN = "repeat-again"
"""output that tells whether another round follows"""
YES, NO = "yes", "no"
APPROVED = "approved"
"""what a person is asked before all else"""
