"""One object of 256 MB to a bucket and back. Ours is held against its digest on both ways."""

from __future__ import annotations

from ..timing import Benchmark
from ..tools.buckets import beside_the_fastest, contenders

SIZE = 256 << 20

BENCHMARK = Benchmark(
    "bucket_large",
    "256 MB to a bucket and back",
    (*contenders("put", 1, SIZE), *contenders("get", 1, SIZE)),
    (beside_the_fastest("put", 0.9), beside_the_fastest("get", 0.9)),
)
