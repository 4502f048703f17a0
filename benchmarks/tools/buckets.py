"""An S3 server in memory on loopback, and the libraries that move files to and from it."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from ..peers import Peers, Unavailable
from ..timing import OURS, Bound, Command, Contender

SCRIPT = Path(__file__).parents[1] / "scripts" / "bucket.py"
LIBRARIES = (OURS, "obstore", "boto3", "s3fs")
_SERVER = "github.com/johannesboyne/gofakes3/cmd/gofakes3@latest"


def contenders(direction: str, count: int, size: int) -> tuple[Contender, ...]:
    """Each library, moving so many files of so many bytes."""
    return tuple(
        Contender(f"{library} {direction}", partial(_command, library, direction, count, size), tells=True)
        for library in LIBRARIES
    )


def beside_the_fastest(direction: str, share: float) -> Bound:
    """Our least time over the least of the others', where our speed must be ``share`` of theirs."""
    ours, *others = (f"{library} {direction}" for library in LIBRARIES)
    return Bound(
        f"{ours} / fastest of the others",
        1 / share,
        lambda seconds: seconds[ours] / min(seconds[other] for other in others),
        (ours, *others),
        of_least=True,
    )


def _command(library: str, direction: str, count: int, size: int, peers: Peers) -> Command:
    _serve(peers)
    return [sys.executable, SCRIPT, library, direction, str(count), str(size)]


@cache
def _serve(peers: Peers) -> None:
    """Starts the server and leads every command to it."""
    program = shutil.which("gofakes3") or _built(peers.folder)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{place.getsockname()[1]}"
    server = subprocess.Popen([program, "-host", host, "-backend", "memory", "-initialbucket", "bench", "-quiet"])
    atexit.register(server.kill)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for _ in range(200):
        with suppress(OSError), socket.create_connection(tuple(host.split(":"))):
            return
        time.sleep(0.05)
    raise Unavailable("gofakes3 did not start")


def _built(folder: Path) -> str:
    go = shutil.which("go")
    if go is None:
        raise Unavailable("gofakes3 is not on the PATH, and there is no go to build it")
    place = folder.absolute() / "go" / "bin"
    done = subprocess.run([go, "install", _SERVER], env=os.environ | {"GOBIN": str(place)}, capture_output=True)
    if done.returncode:
        raise Unavailable("gofakes3 cannot be built")
    return str(place / "gofakes3")
