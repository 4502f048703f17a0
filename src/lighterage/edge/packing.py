"""What bundles are made of, as bytes that depend on the content alone: no dates, no machine, no order of a disk."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from .content import MANIFEST

DATE = (1980, 1, 1, 0, 0, 0)
"""the first that a zip can hold"""
UNIX, PLAIN_FILE = 3, 0o100644 << 16
DESCRIPTION = "LIGHTERAGE"
"""name of the metadata buffer that says what a model is"""
ALIGNMENT = 16
"""bytes; of constants in a model, for runtimes that use them where they are"""


def stable_zip(files: Mapping[str, bytes]) -> bytes:
    """The manifest first, the others by name; stored, since weights hardly shrink and a delta needs them as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=lambda name: (name != MANIFEST, name)):
            archive.writestr(_entry(name), files[name])
    return content.getvalue()


def stable_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An `.npz`. What numpy writes has the same arrays in it, but bytes that depend on Python's patch version."""
    files = {}
    for name, array in arrays.items():
        content = io.BytesIO()
        np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
        files[f"{name}.npy"] = content.getvalue()
    return stable_zip(files)


def with_files(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """A `.tflite` file with others appended as a zip, as TFLite's metadata does it: runtimes and `zipfile` read both."""
    content = io.BytesIO(model)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name])
    return content.getvalue()


def describe(tree: Any, about: Any) -> None:
    """Puts ``about`` into the model as canonical JSON, in a metadata buffer of our own, which other readers pass over."""
    from ai_edge_litert import schema_py_generated as schema

    tree.buffers.append(schema.BufferT(data=np.frombuffer(canonical(about), np.uint8)))
    tree.metadata = [*(tree.metadata or []), schema.MetadataT(name=DESCRIPTION, buffer=len(tree.buffers) - 1)]


def canonical(value: Any) -> bytes:
    """JSON with one form for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_tree(model: bytes) -> Any:
    """A `.tflite` file as the objects of `ai_edge_litert.schema_py_generated`, to be changed. For files of one's own."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))


def write_tree(tree: Any) -> bytes:
    """The file of such objects."""
    from ai_edge_litert.schema_py_generated import flatbuffers

    class Aligned(flatbuffers.Builder):
        """Puts constants where the schema's `force_align` wants them, which the generated Python forgets."""

        def StartVector(self, size: int, count: int, alignment: int) -> Any:
            return super().StartVector(size, count, ALIGNMENT if size == 1 else alignment)

    builder = Aligned(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, DATE)
    entry.create_system, entry.external_attr = UNIX, PLAIN_FILE
    return entry
