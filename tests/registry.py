"""A registry of images on the loopback interface: Debian's `docker-registry`, with images that hold nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_OCI = "application/vnd.oci.image"
_SETTINGS = ".config/containers/registries.conf"
_CONFIG = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}


class Registry:
    """A running registry; ``host`` is what references of its images begin with."""

    def __init__(self, host: str, home: Path) -> None:
        self.host = host
        self.home = home
        """a home folder whose settings let podman, buildah and skopeo speak plain HTTP to it"""

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes programs that are started from here on use those settings."""
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(self.home / _SETTINGS))

    def image(self, repository: str, tag: str, content: str = "") -> str:
        """Puts an image there under a tag; returns its digest. Another ``content`` makes another image."""
        blob = json.dumps(_CONFIG | {"author": content}).encode()
        self._blob(repository, blob)
        config = {"mediaType": f"{_OCI}.config.v1+json", "digest": _digest(blob), "size": len(blob)}
        return self._manifest(repository, tag, "manifest", {"config": config, "layers": []})

    def list_of_images(self, repository: str, tag: str) -> str:
        """Puts an image for two platforms there; returns the digest of the whole."""
        entries = []
        for machine in ("amd64", "arm64"):
            digest = self.image(repository, machine, machine)
            size = int(self._call("HEAD", f"/v2/{repository}/manifests/{digest}").headers["Content-Length"])
            platform = {"architecture": machine, "os": "linux"}
            entries.append(
                {"mediaType": f"{_OCI}.manifest.v1+json", "digest": digest, "size": size, "platform": platform}
            )
        return self._manifest(repository, tag, "index", {"manifests": entries})

    def digest(self, repository: str, tag: str) -> str:
        """What the registry itself says that a tag stands for."""
        return str(self._call("HEAD", f"/v2/{repository}/manifests/{tag}").headers["Docker-Content-Digest"])

    def _manifest(self, repository: str, tag: str, kind: str, parts: dict[str, Any]) -> str:
        media = f"{_OCI}.{kind}.v1+json"
        # spaces as other programs leave them: a digest is of bytes, not of JSON
        data = json.dumps({"schemaVersion": 2, "mediaType": media, **parts}, indent=3).encode()
        self._call("PUT", f"/v2/{repository}/manifests/{tag}", data, media)
        return _digest(data)

    def _blob(self, repository: str, data: bytes) -> None:
        place = self._call("POST", f"/v2/{repository}/blobs/uploads/", b"").headers["Location"]
        self._call("PUT", f"{place}&digest={_digest(data)}", data, "application/octet-stream")

    def _call(self, method: str, path: str, data: bytes | None = None, kind: str = "") -> Any:
        url = path if path.startswith("http") else f"http://{self.host}{path}"
        headers = {"Accept": f"{_OCI}.manifest.v1+json, {_OCI}.index.v1+json"} | (
            {"Content-Type": kind} if kind else {}
        )
        return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30)


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """A registry that keeps its images in ``folder``; skips the test where there is no program for it."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not on the PATH (Debian's package of that name)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    about = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": host},
    }
    (folder / "config.yml").write_text(json.dumps(about))
    settings = folder / _SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(host, process, folder / "log")
        yield Registry(host, folder)
    finally:
        process.terminate()
        process.wait()


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"docker-registry ended: {log.read_text()}")
