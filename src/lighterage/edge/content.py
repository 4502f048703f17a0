"""The bytes of a bundle, from a folder or a zip: read once, never unpacked to a disk."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .errors import BundleError

MOST_BYTES = 512 * 1024 * 1024
"""of one file; more is refused before it is read"""
MOST_ENTRIES = 1000
MANIFEST = "manifest.json"
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
FETCH_AGAIN = "fetch the bundle again"

Read = Callable[[str], bytes]


def open_content(path: Path) -> Read:
    """``read(name)`` for the files of a bundle. Raises BundleError for what is neither a folder nor a sound zip."""
    if path.is_dir():
        return lambda name: _from_folder(path, name)
    if not path.is_file():
        raise BundleError("not-a-bundle", f"there is nothing at {path}", "give a bundle's folder or zip")
    return open_zip(path, path.name)


def checked(read: Read, name: str, digest: str, size: int) -> bytes:
    """The file, after a look at its digest. Raises BundleError for other bytes than the manifest says."""
    content = read(name)
    if len(content) != size:
        raise BundleError("damaged-file", f"{name} has {len(content)} bytes, the manifest says {size}", FETCH_AGAIN)
    if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(
            "damaged-file", f"{name} is not the file that the manifest names: its digest differs", FETCH_AGAIN
        )
    return content


def _missing(name: str) -> BundleError:
    if name == MANIFEST:
        return BundleError("not-a-bundle", f"there is no {MANIFEST}", "give the folder or zip that edge/bundle wrote")
    return BundleError("missing-file", f"{name} is missing", FETCH_AGAIN)


def _too_large(name: str) -> BundleError:
    return BundleError(
        "unsafe-archive", f"{name} has over {MOST_BYTES} bytes", "nothing that ships is as large: do not trust it"
    )


def _from_folder(folder: Path, name: str) -> bytes:
    file = folder / name
    if not file.is_file():
        raise _missing(name)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise _too_large(name)
        return file.read_bytes()
    except OSError as error:
        raise BundleError("damaged-file", f"{name} cannot be read: {error}", FETCH_AGAIN) from None


def open_zip(source: Path | IO[bytes], name: str) -> Read:
    """The same for a zip in a file or in memory."""
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BundleError("damaged-file", f"{name} is no whole zip: {error}", FETCH_AGAIN) from None
    names = [entry.filename for entry in archive.infolist()]
    _check_names(names)
    inside = [name for name in names if name == MANIFEST or name.endswith(f"/{MANIFEST}")]
    prefix = inside[0].removesuffix(MANIFEST) if len(inside) == 1 else ""  # zipped together with its folder
    return lambda name: _from_zip(archive, prefix + name, name)


def _check_names(names: list[str]) -> None:
    """Nothing is unpacked, so nothing can be written elsewhere; who packs such names means harm all the same."""
    hint = "do not trust it"
    if len(names) > MOST_ENTRIES:
        raise BundleError("unsafe-archive", f"the zip has {len(names)} entries, more than {MOST_ENTRIES}", hint)
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise BundleError("unsafe-archive", f"the zip has an entry that leads out of it: {name!r}", hint)
    if len(set(names)) < len(names):
        raise BundleError("unsafe-archive", "the zip has two entries of one name", hint)


def _from_zip(archive: zipfile.ZipFile, entry: str, name: str) -> bytes:
    try:
        if archive.getinfo(entry).file_size > MOST_BYTES:
            raise _too_large(name)
        with archive.open(entry) as file:
            content = file.read(MOST_BYTES + 1)  # what the entry says of its size need not be true
    except KeyError:
        raise _missing(name) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise BundleError("damaged-file", f"{name} cannot be unpacked: {error}", FETCH_AGAIN) from None
    if len(content) > MOST_BYTES:
        raise _too_large(name)
    return content
