"""Compiles `workflow.yaml` many times in one process: what is left when start-up falls out."""

from __future__ import annotations

import sys

from lighterage.cli import cli

for _ in range(int(sys.argv[1])):
    cli(["compile", "workflow.yaml", "-e", "onprem", "-o", "out"], standalone_mode=False)
