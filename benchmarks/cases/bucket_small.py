"""Many small objects to a bucket and back. Ours are held against their digests on both ways."""

from __future__ import annotations

from ..timing import Benchmark
from ..tools.buckets import beside_the_fastest, contenders

COUNT, SIZE = 2000, 4096

BENCHMARK = Benchmark(
    "bucket_small",
    "2,000 files of 4 KB to a bucket and back",
    (*contenders("put", COUNT, SIZE), *contenders("get", COUNT, SIZE)),
    (beside_the_fastest("put", 0.7), beside_the_fastest("get", 0.7)),
)
