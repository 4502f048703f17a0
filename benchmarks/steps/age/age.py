"""What a pod's launcher takes before the step's own code runs."""

import os
import time
from pathlib import Path


def age(number: int) -> dict[str, float]:
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return {"seconds": time.clock_gettime(time.CLOCK_BOOTTIME) - began}
