"""From a path to a bundle: whichever kind of manifest there is."""

from __future__ import annotations

from pathlib import Path

from .bundle import Bundle
from .content import MANIFEST, Read, checked, open_content
from .manifest import check_labels, check_target, parse, read_manifest
from .runtime import Kernels
from .single import Single


def load(path: Path, threads: int, kernels: Kernels, target: str | None) -> Bundle:
    """Raises BundleError for what is no sound bundle, or one for another target."""
    from .chain import FORMAT, load_chain

    read = open_content(path)
    if parse(read(MANIFEST)).get("format") == FORMAT:
        return load_chain(read, threads, kernels, target)
    return load_single(read, threads, kernels, target)


def load_single(read: Read, threads: int, kernels: Kernels, target: str | None) -> Single:
    """The same for a bundle of one model."""
    manifest = read_manifest(read(MANIFEST))
    check_target(manifest.target, target)
    files = {name: checked(read, name, entry.digest, entry.size) for name, entry in manifest.files.items()}
    if manifest.labels:
        check_labels(manifest, files[manifest.labels])
    return Single(manifest, files, threads, kernels)
