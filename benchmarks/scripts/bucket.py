"""``python bucket.py LIBRARY put|get COUNT SIZE``: moves files to or from a bucket, and says how many seconds it took.

What a process pays once is not counted: imports, identities, first connections.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 24
BUCKET = "bench"
Move = tuple[Callable[[Path], object], Callable[[str, Path], None]]


def lighterage() -> Move:
    from lighterage.schemas.url import location
    from lighterage.storing.objects import ObjectBackend

    url = f"s3://{BUCKET}/lighterage"
    backend = ObjectBackend(url, location(url))
    digests: dict[str, str] = {}

    def put(path: Path) -> None:
        digests[path.name] = backend.publish(path)[0]

    def get(name: str, to: Path) -> None:
        digest = digests[name]
        assert backend.stage(f"objects/sha256/{digest[:2]}/{digest}", to) == digest

    return put, get


def obstore() -> Move:
    import obstore as library
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})

    def get(name: str, to: Path) -> None:
        with to.open("wb") as file:
            for chunk in library.get(store, f"raw/{name}").stream(min_chunk_size=8 << 20):
                file.write(chunk)

    return lambda path: library.put(store, f"raw/{path.name}", path), get


def boto3() -> Move:
    import boto3 as library
    from botocore.config import Config

    client = library.client("s3", config=Config(max_pool_connections=THREADS))
    return (
        lambda path: client.upload_file(str(path), BUCKET, f"boto3/{path.name}"),
        lambda name, to: client.download_file(BUCKET, f"boto3/{name}", str(to)),
    )


def s3fs() -> Move:
    import fsspec

    fs = fsspec.filesystem("s3")
    return (
        lambda path: fs.put_file(str(path), f"{BUCKET}/s3fs/{path.name}"),
        lambda name, to: fs.get_file(f"{BUCKET}/s3fs/{name}", str(to)),
    )


def main() -> None:
    library, direction, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    put, get = {"lighterage": lighterage, "obstore": obstore, "boto3": boto3, "s3fs": s3fs}[library]()
    files = _made(count, size)
    (first := Path("first")).write_bytes(os.urandom(10))
    Path("out").mkdir()
    put(first)
    get("first", Path("out", "first"))
    if direction == "get":
        _all(put, files)
    begun = time.perf_counter()
    if direction == "put":
        _all(put, files)
    else:
        _all(lambda path: get(path.name, Path("out", path.name)), files)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{library} {direction}: peak {peak:.0f} MB", file=sys.stderr)
    print(seconds)
    _clean()


def _clean() -> None:
    """The server has its objects in memory, and what was moved is in the way of what comes next."""
    import obstore as library
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})
    for found in library.list(store):
        library.delete(store, [one["path"] for one in found])
    for folder in ("in", "out"):
        shutil.rmtree(folder)


def _made(count: int, size: int) -> list[Path]:
    Path("in").mkdir()
    files = [Path("in", f"{os.urandom(8).hex()}-{number}") for number in range(count)]
    for file in files:
        with file.open("wb") as made:
            for _ in range(0, size, 1 << 20):
                made.write(os.urandom(min(size, 1 << 20)))
    return files


def _all(move: Callable[[Path], object], files: list[Path]) -> None:
    if len(files) == 1:
        move(files[0])
        return
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(move, files))


if __name__ == "__main__":
    main()
