"""What a step of the edge stage imports, in a process of its own: prints seconds, MB, and whether TensorFlow came along."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

import yaml


def main(name: str, steps: str) -> None:
    contract = yaml.safe_load((Path(steps) / name / "step.yaml").read_text(encoding="utf-8"))
    module = contract["python"].partition(":")[0]
    start = time.perf_counter()
    for needed in (*contract.get("preload", []), f"lighterage.steps.{name.replace('/', '.')}.{module}"):
        import_module(needed)
    seconds = time.perf_counter() - start
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    told = {"seconds": seconds, "mb": int(peak.split()[1]) / 1024, "tensorflow": "tensorflow" in sys.modules}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
