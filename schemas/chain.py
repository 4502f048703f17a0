"""``manifest.json`` of a chain: several bundles in one, and how their models feed each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .bundle import FileEntry, FileName, Target
from .shape import Shape

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Place = Annotated[list[int], Field(min_length=2, max_length=2)]
Size = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class Crop(Shape):
    """A window of the chain's input, at the place of a map's maximum, clipped so that it lies inside."""

    op: Literal["crop"]
    """crop"""
    map: Name
    """a stage that gives (h, w), (h, w, 1), or flattened values that `grid` folds"""
    grid: Size | None = None
    """rows and columns of the map, where its values are flattened"""
    stride: Size
    """rows and columns of the input for one of the map"""
    offset: Place = [0, 0]
    """added to the place: where the window begins"""
    size: Size
    """of the window, rows and columns"""


class Split(Shape):
    """Equal parts along an axis of the row; the stage runs for each."""

    op: Literal["split"]
    """split"""
    axis: Annotated[int, Field(ge=0)]
    """of the row, from 0, without the batch"""
    parts: Annotated[int, Field(ge=1)]
    """how many"""


class Concat(Shape):
    """Outputs of stages side by side as one row, part after part."""

    op: Literal["concat"]
    """concat"""
    stages: Annotated[list[Name], Field(min_length=1)]
    """in this order"""


class When(Shape):
    """The stage runs only for rows where another's answer is among some classes; else that answer is the chain's."""

    stage: Name
    """the gate"""
    classes: Annotated[list[str], Field(min_length=1)]
    """some of its classes"""


class Stage(Shape):
    """One model of the chain."""

    name: Name
    """what it is called here"""
    bundle: FileName
    """its bundle, a file of this one"""
    input: list[Annotated[Crop | Split | Concat, Field(discriminator="op")]] = []
    """what is done to the chain's input to feed it; nothing: it takes the input as it is"""
    when: When | None = None
    """for which rows it runs; all where nothing is said"""


class ChainGolden(Shape):
    """Inputs of the chain, and what each stage gives."""

    file: FileName
    """NPZ with `inputs`, and `outputs.STAGE` (rows, parts, …) for each stage, float32, 0 where it does not run"""
    rows: Annotated[int, Field(ge=1)]
    """how many"""
    done: Annotated[int, Field(ge=0)]
    """operations of the stages' preprocessing that the inputs went through"""
    runtime: str
    """library and version that computed the outputs"""
    kernels: Literal["BUILTIN_REF"]
    """kernel set it used"""


class ChainProvenance(Shape):
    """Where the chain comes from; each stage's bundle has its own."""

    data: str
    """what the data of the golden rows says of its source"""


class Chain(Shape):
    """Bundles that feed each other. Every file but this one is in `files`."""

    format: Literal["lighterage/chain/1"]
    """lighterage/chain/1"""
    name: str
    """what it is called"""
    stages: Annotated[list[Stage], Field(min_length=1, max_length=16)]
    """in order; a stage takes from those before it"""
    classes: list[str]
    """what an answer may be: the last stage's classes, then those that gates answer with"""
    one_file: FileName | None = None
    """all models in one .tflite file, a signature for each stage, called as it is"""
    target: Target
    """what every stage was proven for"""
    golden: ChainGolden
    """proof that a runtime computes what it should"""
    report: FileName
    """what was measured from end to end"""
    files: dict[FileName, FileEntry]
    """the bundle's files"""
    provenance: ChainProvenance
    """where it comes from"""

    @model_validator(mode="after")
    def _names_what_it_holds(self) -> Chain:
        named = [self.golden.file, self.report, *(stage.bundle for stage in self.stages)]
        for name in named + ([self.one_file] if self.one_file else []):
            if name not in self.files:
                raise ValueError(f"{name} is not among the bundle's files")
        return self
