"""Keeping a file in a store that is a folder, beside its digest and a copy by plain tools."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..timing import OURS, Benchmark, Contender, ratio

SIZE = 512 << 20
PUBLISH = """
import time
from pathlib import Path
from lighterage.storing import open_store
store = open_store("store")
begun = time.perf_counter()
store.put(Path("file"), "file")
print(time.perf_counter() - begun)
"""


def _file(folder: Path) -> None:
    with (folder / "file").open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))


BENCHMARK = Benchmark(
    "publish",
    "512 MB into a store on the same disk",
    (
        Contender(OURS, lambda peers: [sys.executable, "-c", PUBLISH], _file, tells=True),
        Contender(
            "sha256sum + cp + sync", lambda peers: ["sh", "-c", "sha256sum file && cp file copy && sync copy"], _file
        ),
        Contender("sha256sum + cp, not synced", lambda peers: ["sh", "-c", "sha256sum file && cp file copy"], _file),
    ),
    (ratio(OURS, "sha256sum + cp + sync", 1.3),),
    most_rounds=3,
)
