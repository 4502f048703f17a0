"""A sensor loop as a wearable would run it: samples in, the name of the motion out, and no sample leaves.

python examples/sensor_loop.py MOTION_BUNDLE [--recording N] [--speed 1]

The sensor is a recording of seglearn's, played at its 50 Hz times `--speed`; 0 plays without waiting. Put your own
driver in the place of `sensor()`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

try:
    from lighterage_edge import Bundle, BundleError  # the small distribution, on a device
except ImportError:
    from lighterage.edge import Bundle, BundleError


def sensor(recording: int, rate_hz: float, speed: float) -> Iterator[np.ndarray]:
    """Some samples ``(samples, 6)`` at a time, as a driver's buffer gives them."""
    from seglearn.datasets import load_watch

    samples = load_watch()["X"][recording]
    for start in range(0, len(samples), 10):
        if speed:
            time.sleep(10 / rate_hz / speed)
        yield samples[start : start + 10]


def main() -> None:
    parser = argparse.ArgumentParser(description="Tells motions from a wrist sensor.")
    parser.add_argument("bundle", help="folder or zip")
    parser.add_argument("--recording", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0)
    asked = parser.parse_args()
    try:
        bundle = Bundle.load(asked.bundle)
        bundle.verify().check()  # this machine computes what was proven, or the loop does not start
    except BundleError as error:
        raise SystemExit(f"{error.kind}: {error}") from None
    stream = bundle.stream(hop=bundle.window.size // 4, rate_hz=50)
    last = None
    for samples in sensor(asked.recording, 50, asked.speed):
        for found in stream.feed(samples):
            if found.label != last and found.score > 0.6:
                last = found.label
                print(f"{found.at / 50:7.2f} s  {found.label}  {found.score:.2f}", flush=True)


if __name__ == "__main__":
    main()
