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
from typing import Any

THREADS = 24
BUCKET = "bench"
Move = tuple[Callable[[Path], object], Callable[[str, Path], object]]
"""Puts a folder; gets what was put of this name, as a folder that is not there yet."""


def lighterage() -> Move:
    from lighterage.schemas.record import ArtifactRef
    from lighterage.storing import open_store

    store = open_store(f"s3://{BUCKET}/lighterage")
    refs: dict[str, ArtifactRef] = {}

    def put(folder: Path) -> None:
        files = list(folder.iterdir())
        refs[folder.name] = store.put(files[0] if len(files) == 1 else folder, "folder")

    def get(name: str, to: Path) -> None:
        if not refs[name].tree:
            to.mkdir()
        store.fetch(refs[name], to if refs[name].tree else to / "file")

    return put, get


def each(put: Callable[[Path], object], get: Callable[[str, Path], object]) -> Move:
    """For libraries that move files: as many at one time as we move."""
    names: dict[str, list[str]] = {}

    def put_all(folder: Path) -> None:
        files = list(folder.iterdir())
        names[folder.name] = [file.name for file in files]
        _all(put, files)

    def get_all(name: str, to: Path) -> None:
        to.mkdir()
        _all(lambda name: get(name, to / name), names[name])

    return put_all, get_all


def obstore() -> Move:
    import obstore as library
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})

    def get(name: str, to: Path) -> None:
        with to.open("wb") as file:
            for chunk in library.get(store, f"raw/{name}").stream(min_chunk_size=8 << 20):
                file.write(chunk)

    return each(lambda path: library.put(store, f"raw/{path.name}", path), get)


def boto3() -> Move:
    import boto3 as library
    from botocore.config import Config

    client = library.client("s3", config=Config(max_pool_connections=THREADS))
    return each(
        lambda path: client.upload_file(str(path), BUCKET, f"boto3/{path.name}"),
        lambda name, to: client.download_file(BUCKET, f"boto3/{name}", str(to)),
    )


def s3fs() -> Move:
    import fsspec

    fs = fsspec.filesystem("s3")
    return each(
        lambda path: fs.put_file(str(path), f"{BUCKET}/s3fs/{path.name}"),
        lambda name, to: fs.get_file(f"{BUCKET}/s3fs/{name}", str(to)),
    )


def main() -> None:
    library, direction, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    put, get = {"lighterage": lighterage, "obstore": obstore, "boto3": boto3, "s3fs": s3fs}[library]()
    files, first = _made("files", count, size), _made("first", 1, 10)
    put(first)
    get("first", Path("first-again"))
    if direction == "get":
        put(files)
    begun = time.perf_counter()
    if direction == "put":
        put(files)
    else:
        get("files", Path("files-again"))
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
    for folder in ("files", "files-again", "first", "first-again"):
        shutil.rmtree(folder, ignore_errors=True)


def _made(name: str, count: int, size: int) -> Path:
    (folder := Path(name)).mkdir()
    for number in range(count):
        with Path(folder, f"{os.urandom(8).hex()}-{number}").open("wb") as made:
            for _ in range(0, size, 1 << 20):
                made.write(os.urandom(min(size, 1 << 20)))
    return folder


def _all(move: Callable[[Any], object], items: list[Any]) -> None:
    if len(items) == 1:
        move(items[0])
        return
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(move, items))


if __name__ == "__main__":
    main()
