from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import blobs
from running import run_step

from lighterage.edge import Bundle, BundleError
from lighterage.edge.runtime import Runtime
from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput
from lighterage.schemas.bundle import Bundle as Manifest

pytestmark = pytest.mark.tensorflow

FILES = ["MODEL_CARD.md", "golden.npz", "labels.txt", "model.tflite", "report.json"]


@pytest.fixture(scope="module")
def chosen(
    tmp_path_factory: pytest.TempPathFactory, converted: Model, variants: dict[str, Model]
) -> dict[str, SimpleNamespace]:
    """By variant: the model, a report in which it is the chosen one, and rows."""
    folder = tmp_path_factory.mktemp("chosen")
    data = blobs(folder / "rows", 90, 2, shape=(16, 3))
    models = [variants[name] for name in ("int8", "dynamic_int8", "float32")]
    verified = run_step("edge/verify", folder, models=models, reference=converted, data=data).report
    found = {}
    for name in ("int8", "dynamic_int8", "float32"):
        given = {"verified": verified, "order": [name], "budget": {"size_kb": {name: 100}}}
        done = run_step("edge/choose", folder, models=models, **given)
        found[name] = SimpleNamespace(model=done.tflite, report=done.report, data=data)
    return found


@pytest.fixture(scope="module")
def int8(chosen: dict[str, SimpleNamespace]) -> SimpleNamespace:
    return chosen["int8"]


def bundle(tmp_path: Path, proven: SimpleNamespace, **inputs: object) -> Path:
    return run_step("edge/bundle", tmp_path, **(vars(proven) | inputs)).bundle.path


def inside(bundle: Path, name: str) -> bytes:
    with zipfile.ZipFile(bundle) as archive:
        return archive.read(name)


def manifest(bundle: Path) -> Manifest:
    return Manifest.model_validate_json(inside(bundle, "manifest.json"))


def test_the_manifest_describes_every_file(tmp_path: Path, int8: SimpleNamespace) -> None:
    made = bundle(tmp_path, int8, name="three kinds")
    with zipfile.ZipFile(made) as archive:
        assert archive.namelist() == ["manifest.json", *FILES]
    told = manifest(made)
    for name, entry in told.files.items():
        content = inside(made, name)
        assert (entry.digest, entry.size) == ("sha256:" + hashlib.sha256(content).hexdigest(), len(content))
    assert sorted(told.files) == FILES
    assert told.model.variant == "int8" and told.model.input.shape == [1, 16, 3]
    assert told.classes == inside(made, "labels.txt").decode().splitlines() == ["kind 0", "kind 1", "kind 2"]
    assert (told.target.profile, told.target.checked) == ("cpu", "run")


def test_where_it_comes_from(tmp_path: Path, chosen: dict[str, SimpleNamespace]) -> None:
    about = chosen["int8"].model.about()
    told = manifest(bundle(tmp_path, chosen["int8"])).provenance
    before = (chosen["int8"].model.path / "model.tflite").read_bytes()
    assert told.model == "sha256:" + hashlib.sha256(before).hexdigest()
    assert told.budget == "sha256:" + hashlib.sha256(b'{"size_kb":{"int8":100}}').hexdigest()
    assert told.calibration == about["calibration"]["digest"] and told.data == "blobs"
    assert manifest(bundle(tmp_path, chosen["float32"])).provenance.calibration is None


def test_golden_outputs_come_back_bit_by_bit(tmp_path: Path, int8: SimpleNamespace) -> None:
    """As a device would check: quantize, run on reference kernels, dequantize."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    made = bundle(tmp_path, int8, golden_rows=9)
    told = manifest(made)
    golden = np.load(io.BytesIO(inside(made, told.golden.file)))
    kernels = getattr(OpResolverType, told.golden.kernels)
    interpreter = Interpreter(model_content=inside(made, told.model.file), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    given, got = told.model.input.quantization, told.model.output.quantization
    assert given and got
    for row, expected in zip(golden["inputs"], golden["outputs"], strict=True):
        stored = np.clip(np.round(row / given.scale + given.zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stored[None])
        interpreter.invoke()
        raw = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].astype(np.float32)
        np.testing.assert_allclose((raw - got.zero_point) * got.scale, expected, rtol=1e-6)
    assert len(golden["inputs"]) == told.golden.rows == 9
    assert set(golden["outputs"].argmax(axis=1)) == {0, 1, 2}  # every class is shown


MAKE = """
import sys
from pathlib import Path
from lighterage.launching.artifacts import Artifact, Dataset, Metrics, Model
from lighterage.steps.edge.bundle.bundle import bundle
model, report, data, made = map(Path, sys.argv[1:])
bundle(model=Model(model), report=Metrics(report), data=Dataset(data), bundle=Artifact(made), name="model", golden_rows=16, seed=0)
"""


def test_equal_inputs_give_equal_bytes_in_another_process(tmp_path: Path, int8: SimpleNamespace) -> None:
    one, two = bundle(tmp_path, int8), tmp_path / "two.zip"
    given = [str(path) for path in (int8.model.path, int8.report.path, int8.data.path, two)]
    environment = {"PATH": "", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"}
    subprocess.run([sys.executable, "-c", MAKE, *given], check=True, env=environment, umask=0o077)
    assert one.read_bytes() == two.read_bytes()


def test_no_byte_depends_on_the_version_of_python(tmp_path: Path, int8: SimpleNamespace) -> None:
    """Python 3.11.2 and 3.11.7 note other things in a zip whose sizes they do not know beforehand."""
    made = bundle(tmp_path, int8)
    for content in (made.read_bytes(), inside(made, "golden.npz")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            told = {
                (one.extract_version, one.flag_bits, one.compress_type, one.external_attr >> 16, one.create_system)
                for one in archive.infolist()
            }
            assert told == {(20, 0, zipfile.ZIP_STORED, 0o100644, 3)}
            assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# --- what is inside the model's own file ---


@pytest.mark.parametrize("variant", ["int8", "dynamic_int8", "float32"])
def test_a_model_alone_says_what_it_is_and_answers_as_before(
    tmp_path: Path, chosen: dict[str, SimpleNamespace], variant: str
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    made = bundle(tmp_path, chosen[variant], name="three kinds")
    content, before = inside(made, "model.tflite"), (chosen[variant].model.path / "model.tflite").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # as TFLite's metadata keeps associated files
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt") == inside(made, "labels.txt")

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    (buffer,) = (one.buffer for one in model.metadata if one.name == b"LIGHTERAGE")
    said = json.loads(bytes(model.buffers[buffer].data))
    assert (said["name"], said["variant"]) == ("three kinds", variant)
    assert said["classes"] == ["kind 0", "kind 1", "kind 2"]
    assert said["provenance"] == json.loads(inside(made, "manifest.json"))["provenance"]

    rows = np.random.default_rng(4).normal(0, 2, (50, 16, 3)).astype(np.float32)
    for kernels in ("default", "reference"):
        was, found = (Runtime(one, kernels=kernels).outputs(rows) for one in (before, content))
        assert was.tobytes() == found.tobytes()


def test_a_microcontrollers_runtime_reads_it_too(tmp_path: Path, int8: SimpleNamespace) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="tflite-micro is not installed")
    made = bundle(tmp_path, int8)
    interpreter = runtime.Interpreter.from_bytes(inside(made, "model.tflite"))
    golden, tensors = np.load(io.BytesIO(inside(made, "golden.npz"))), manifest(made).model
    given, got = tensors.input.quantization, tensors.output.quantization
    assert given and got
    for row, expected in zip(golden["inputs"], golden["outputs"], strict=True):
        stored = np.round(row / np.float32(given.scale) + given.zero_point).clip(-128, 127).astype(np.int8)
        interpreter.set_input(stored[None], 0)
        interpreter.invoke()
        answer = (interpreter.get_output(0)[0].astype(np.float32) - got.zero_point) * np.float32(got.scale)
        assert answer.tobytes() == expected.tobytes()


# --- the card, and what does not belong together ---


def test_the_card_says_what_was_measured_and_where(tmp_path: Path, int8: SimpleNamespace) -> None:
    card = inside(bundle(tmp_path, int8, name="three kinds"), "MODEL_CARD.md").decode()
    report = int8.report.read()
    assert card.startswith("# three kinds\n")
    assert f"| int8 | fit | {report['variants']['int8']['size']} |" in card
    assert "| dynamic_int8 | proven |" in card and "| budget | size_kb 100 |" in card
    assert "| target | cpu: run in ai-edge-litert" in card and "on a device were not measured" in card

    report["target"] = {"profile": "edgetpu", "checked": "static"}
    card = inside(bundle(tmp_path, int8, report=written(tmp_path, report)), "MODEL_CARD.md").decode()
    assert "| target | edgetpu: checked statically, not run |" in card
    assert "nothing was run on such a device" in card


def test_a_bundle_for_another_target(tmp_path: Path, int8: SimpleNamespace) -> None:
    made = bundle(tmp_path, int8)
    assert Bundle.load(made, target="cpu").describe()["target"] == {"profile": "cpu", "checked": "run"}
    with pytest.raises(BundleError, match="proven for the target 'cpu', not for 'micro'") as error:
        Bundle.load(made, target="micro")
    assert error.value.kind == "wrong-target"


def written(tmp_path: Path, report: dict[str, object]) -> Metrics:
    other = Metrics(tmp_path / "other.json")
    other.path.write_text(json.dumps(report))
    return other


def test_a_report_of_another_model(tmp_path: Path, chosen: dict[str, SimpleNamespace], int8: SimpleNamespace) -> None:
    with pytest.raises(BadInput, match="does not prove the variant 'int8'"):
        bundle(tmp_path, int8, report=chosen["float32"].report)
    report = int8.report.read()
    report["variants"]["int8"]["digest"] = "sha256:" + "0" * 64
    with pytest.raises(BadInput, match="proves another int8 file"):
        bundle(tmp_path, int8, report=written(tmp_path, report))


def test_a_variant_that_was_dropped(tmp_path: Path, int8: SimpleNamespace) -> None:
    folder = tmp_path / "dropped"
    folder.mkdir()
    (folder / "model.json").write_text((int8.model.path / "model.json").read_text())
    with pytest.raises(BadInput, match=r"no model\.tflite: the variant was dropped"):
        bundle(tmp_path, int8, model=Model(folder))


def test_rows_that_were_prepared_otherwise(tmp_path: Path, int8: SimpleNamespace) -> None:
    other: Dataset = blobs(tmp_path / "other", 9, shape=(16, 3), entry="standardize")
    with pytest.raises(BadInput, match="standardize here"):
        bundle(tmp_path, int8, data=other)
