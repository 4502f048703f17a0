"""``manifest.json`` of an edge bundle: what a device needs to run the model, and what was proven of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .shape import Shape

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]


class Quantization(Shape):
    """value = (stored - zero_point) * scale"""

    scale: Annotated[float, Field(gt=0)]
    """step between two stored numbers"""
    zero_point: int
    """stored number that means 0"""


class Tensor(Shape):
    """What the model takes or gives."""

    name: str
    """its name in the file"""
    shape: list[Annotated[int, Field(ge=1)]]
    """with the batch, which is 1"""
    dtype: Literal["float32", "int8", "uint8", "int16"]
    """element type"""
    quantization: Quantization | None = None
    """for integers"""


class ModelFile(Shape):
    """The model itself."""

    file: FileName
    """a file of the bundle"""
    variant: str
    """how its numbers are kept: float32, float16, dynamic_int8, int8, …"""
    input: Tensor
    """what it takes"""
    output: Tensor
    """what it gives: a probability for each class, or one number"""
    operators: dict[str, int]
    """built-in operators it uses, and how often"""


class Golden(Shape):
    """Inputs with the outputs that a correct runtime gives."""

    file: FileName
    """NPZ with `inputs` (float32, before quantization) and `outputs` (float32, dequantized)"""
    rows: Annotated[int, Field(ge=1)]
    """how many"""
    runtime: str
    """library and version that computed the outputs"""
    kernels: Literal["BUILTIN_REF", "XNNPACK"]
    """kernel set it used; others may differ by some units of the last place"""


class Target(Shape):
    """What the model was proven for."""

    profile: str
    """name of the target profile, such as cpu or micro"""
    checked: Literal["run", "static"]
    """whether the model ran in a runtime of that target, or only rules that are known of it were looked at"""


class FileEntry(Shape):
    """One file of the bundle."""

    digest: Digest
    """of its bytes"""
    size: Annotated[int, Field(ge=0)]
    """bytes"""


class Provenance(Shape):
    """Where the model comes from."""

    data: str
    """what the training data says of its source"""
    parameters: Annotated[int, Field(ge=0)]
    """weights of the Keras model"""
    model: Digest
    """of the model's file before its description was put into it"""
    calibration: Digest | None = None
    """of the rows that the ranges of its integers come from; none for variants that need none"""
    budget: Digest
    """of the budget it is inside, as canonical JSON; report.json has the budget itself"""
    made_with: dict[str, str]
    """library -> version"""


class Bundle(Shape):
    """A model with all that is needed to use it and to trust it. Every file but this one is in `files`."""

    format: Literal["lighterage/bundle/1"]
    """lighterage/bundle/1"""
    name: str
    """what it is called"""
    task: Literal["classification", "regression"]
    """what the output means"""
    model: ModelFile
    """the model"""
    classes: list[str]
    """names of the outputs, in order; none for a regression"""
    labels: FileName | None = None
    """the same names as a text file, a line each"""
    features: list[str]
    """names of the feature columns"""
    rate_hz: Annotated[float, Field(gt=0)] | None = None
    """samples a second of sensor data"""
    preprocessing: list[dict[str, Any]]
    """what to do to raw data before the model sees it, in order"""
    target: Target
    """what it was proven for"""
    golden: Golden
    """proof that a runtime computes what it should"""
    report: FileName
    """what every variant reached"""
    files: dict[FileName, FileEntry]
    """the bundle's files"""
    provenance: Provenance
    """where it comes from"""

    @model_validator(mode="after")
    def _names_what_it_holds(self) -> Bundle:
        for name in (self.model.file, self.golden.file, self.report, *([self.labels] if self.labels else [])):
            if name not in self.files:
                raise ValueError(f"{name} is not among the bundle's files")
        outputs = self.model.output.shape[-1]
        if self.classes and len(self.classes) != outputs:
            raise ValueError(f"there are {len(self.classes)} classes for {outputs} outputs")
        return self
