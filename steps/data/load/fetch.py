"""From the text of a source to a file or folder on this machine.

A source is text from somebody's workflow. Its protocol is looked at as text before any storage library sees
it, because the libraries connect while they are being set up, and follow chained URLs to places nobody meant.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from lighterage.schemas import BadInput
from lighterage.schemas.url import BUCKETS, BadUrl, location

REMOTE = (*BUCKETS, "memory")


@contextmanager
def local_copy(source: str) -> Iterator[Path]:
    """The file or folder that ``source`` names; a remote one exists until the block ends. Raises BadInput."""
    protocol = check_source(source)
    if protocol in REMOTE:
        with tempfile.TemporaryDirectory() as folder:
            yield _download(source, Path(folder))
        return
    path = Path(unquote(urlsplit(source).path)) if protocol == "file" else Path(source).expanduser()
    if not path.exists():
        raise BadInput(f"there is no file or folder {source} (looked for {path.absolute()})")
    yield path


def public_name(source: str) -> str:
    """What a dataset says of its source: the URL, or a local file's name without this machine's folders."""
    return source if check_source(source) in REMOTE else PurePosixPath(source).name


def check_source(source: str) -> str:
    """The protocol of a source, `file` for a plain path. Raises BadInput for one that is not allowed."""
    try:
        return location(source).protocol
    except BadUrl as error:
        raise BadInput(f"`source` cannot be used: {error}") from None


def _download(source: str, folder: Path) -> Path:
    """Copies a remote file, or all files below a remote folder, into ``folder``."""
    from fsspec.core import url_to_fs

    fs, root = url_to_fs(source)
    if fs.isfile(root):
        target = folder / PurePosixPath(root).name
        fs.get_file(root, str(target))
        return target
    for file in _files_below(fs, root, source):
        target = folder / "source" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        fs.get_file(f"{root.rstrip('/')}/{file}", str(target))
    return folder / "source"


def _files_below(fs: Any, root: str, source: str) -> list[str]:
    start = root.rstrip("/") + "/"
    files = [name.removeprefix(start) for name in fs.find(root)]
    if not files:
        raise BadInput(f"there is no file or folder {source}")
    for file in files:
        if file.startswith("/") or ".." in PurePosixPath(file).parts:
            raise BadInput(f"{source} holds an object with the unusable name {file!r}")
    return files
