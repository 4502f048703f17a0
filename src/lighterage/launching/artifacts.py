"""What a step's function receives and fills in: artifacts that are fetched when they are looked at.

An input knows its digest and size at once and brings a local copy on the first `.path`. An output is a place to write.
Steps import these types and `lighterage.schemas`, and nothing else of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..schemas import BadInput

if TYPE_CHECKING:
    import numpy as np

    from .columns import Columns

Fetch = Callable[[], Path]


class Artifact:
    """A file or folder. ``fetch`` brings a local copy and says where it is; an output's ``fetch`` only names the place."""

    def __init__(
        self,
        fetch: Fetch | Path | str,
        *,
        type: str = "file",
        digest: str | None = None,
        size: int | None = None,
        uri: str | None = None,
    ) -> None:
        self._fetch: Fetch = fetch if callable(fetch) else lambda: Path(fetch)
        self.type = type
        self.digest = digest
        self.size = size
        self._uri = uri

    @cached_property
    def path(self) -> Path:
        """A local copy of an input (read only); where to write an output."""
        return self._fetch()

    def open(self) -> BinaryIO:
        """The bytes of a file, streamed from where they are."""
        if self._uri is None or "path" in self.__dict__:
            return self.path.open("rb")
        return self.fs.open(self._uri, "rb")

    @property
    def uri(self) -> str:
        """fsspec URL of a file in the store."""
        return self._uri or self.path.absolute().as_uri()

    @property
    def fs(self) -> Any:
        """The fsspec file system that `uri` belongs to."""
        import fsspec

        return fsspec.core.url_to_fs(self.uri)[0]

    def __repr__(self) -> str:
        return f"<{self.type} {self.digest or 'to be written'}>"


class Dataset(Artifact):
    """Columns in a folder."""

    def read(self) -> Columns:
        """The columns, mapped from the local copy."""
        from .columns import read_columns

        return read_columns(self.path)

    def write(self, columns: Columns) -> None:
        from .columns import write_columns

        write_columns(columns, self.path)


class Metrics(Artifact):
    """One JSON object in a file."""

    def read(self) -> dict[str, Any]:
        try:
            metrics = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"the metrics are not JSON: {error}") from None
        if not isinstance(metrics, dict):
            raise BadInput("metrics must be one JSON object")
        return metrics

    def write(self, metrics: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(metrics, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


class Model(Artifact):
    """A model, in the form that its sub-type names."""

    def about(self) -> dict[str, Any]:
        """What is known about it: input shape, classes, features and the preprocessing they went through."""
        try:
            about = json.loads((self.path / "model.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"this folder is not a model: {error}") from None
        return about

    def keras(self) -> Any:
        """The network of a `model/keras`, its weights loaded. It is built from names and figures; no code is unpacked."""
        import keras

        network = keras.models.model_from_json((self.path / "architecture.json").read_text(encoding="utf-8"))
        network.load_weights(self.path / "model.weights.h5")
        return network

    def inputs_from(self, data: Columns) -> np.ndarray:
        """The rows of a dataset as this model takes them, float32. Raises BadInput where they were not prepared as its own."""
        about = self.about()
        if data.preprocessing != about["preprocessing"]:
            here, there = _names(data.preprocessing), _names(about["preprocessing"])
            differ = f"{here} here, {there} there" if here != there else f"{here}, but with other figures"
            raise BadInput(f"the data was not prepared like the data the model learned from: {differ}")
        if data.named("feature") != about["features"]:
            raise BadInput(
                f"the model knows the features {about['features']}, but the data has {data.named('feature')}"
            )
        inputs = data.inputs()
        if list(inputs.shape[1:]) != about["input"]["shape"]:
            raise BadInput(
                f"the model takes rows of shape {about['input']['shape']}, but the data has {list(inputs.shape[1:])}"
            )
        return inputs


def _names(preprocessing: list[dict[str, Any]]) -> str:
    return " then ".join(entry["op"] for entry in preprocessing) or "nothing done"


KINDS: dict[str, type[Artifact]] = {"dataset": Dataset, "metrics": Metrics, "model": Model}


def kind_of(artifact_type: str) -> type[Artifact]:
    """The class for a type: ``model/keras`` -> Model; plain `Artifact` for files, folders and reports."""
    return KINDS.get(artifact_type.partition("/")[0], Artifact)
