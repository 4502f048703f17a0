"""Changes a bundle as damage does not: what is not to be trusted has digests that fit."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def unpacked(bundle: Path, folder: Path) -> Path:
    """A bundle's files in a folder, which is a bundle too."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


def inside(bundle: Path, name: str) -> bytes:
    """A file of a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        return archive.read(name)


def change(bundle: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Edits the manifest."""
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_text())
    edit(manifest)
    file.write_text(json.dumps(manifest))


def forge(bundle: Path, name: str, content: bytes) -> None:
    """Another file, with a digest that fits: what someone with ill will does."""
    (bundle / name).write_bytes(content)
    entry = {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}
    change(bundle, lambda manifest: manifest["files"].update({name: entry}))


def arrays(**named: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **named)
    return content.getvalue()
