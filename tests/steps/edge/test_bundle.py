from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import blobs
from running import run_step

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput
from lighterage.schemas.bundle import Bundle

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, small_model: Model) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("converted")
    calibration, test = (blobs(folder / str(seed), 90, seed, shape=(16, 3)) for seed in (1, 2))
    done = run_step("edge/tflite", folder, model=small_model, calibration=calibration, test=test)
    return SimpleNamespace(model=done.tflite, report=done.report, data=test)


def bundle(tmp_path: Path, converted: SimpleNamespace, **inputs: object) -> Path:
    return run_step("edge/bundle", tmp_path, **(vars(converted) | inputs)).bundle.path


def test_the_manifest_describes_every_file(tmp_path: Path, converted: SimpleNamespace) -> None:
    folder = bundle(tmp_path, converted, name="three kinds")

    manifest = Bundle.model_validate_json((folder / "manifest.json").read_text())
    assert (
        {file.name for file in folder.iterdir()}
        == {*manifest.files, "manifest.json"}
        == {
            "model.tflite",
            "labels.txt",
            "golden.npz",
            "report.json",
            "MODEL_CARD.md",
            "manifest.json",
        }
    )
    for name, entry in manifest.files.items():
        content = (folder / name).read_bytes()
        assert (entry.digest, entry.size) == ("sha256:" + hashlib.sha256(content).hexdigest(), len(content))
    assert manifest.model.variant == "int8" and manifest.model.input.shape == [1, 16, 3]
    assert manifest.classes == ["kind 0", "kind 1", "kind 2"]
    assert (folder / "labels.txt").read_text().splitlines() == manifest.classes
    assert manifest.provenance.data == "blobs"


def test_golden_outputs_come_back_bit_by_bit(tmp_path: Path, converted: SimpleNamespace) -> None:
    """As a device would check: quantize, run on reference kernels, dequantize."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    folder = bundle(tmp_path, converted, golden_rows=9)
    manifest = Bundle.model_validate_json((folder / "manifest.json").read_text())
    golden = np.load(folder / manifest.golden.file)
    kernels = getattr(OpResolverType, manifest.golden.kernels)
    interpreter = Interpreter(str(folder / manifest.model.file), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    given, got = manifest.model.input.quantization, manifest.model.output.quantization
    assert given and got
    for row, expected in zip(golden["inputs"], golden["outputs"], strict=True):
        stored = np.clip(np.round(row / given.scale + given.zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stored[None])
        interpreter.invoke()
        raw = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].astype(np.float32)
        np.testing.assert_allclose((raw - got.zero_point) * got.scale, expected, rtol=1e-6)
    assert len(golden["inputs"]) == manifest.golden.rows == 9
    assert set(golden["outputs"].argmax(axis=1)) == {0, 1, 2}  # every class is shown


def test_equal_inputs_give_equal_bytes(tmp_path: Path, converted: SimpleNamespace) -> None:
    one, two = bundle(tmp_path, converted), bundle(tmp_path, converted)
    assert {file.name: file.read_bytes() for file in one.iterdir()} == {
        file.name: file.read_bytes() for file in two.iterdir()
    }


def test_no_byte_depends_on_the_version_of_python(tmp_path: Path, converted: SimpleNamespace) -> None:
    """Python 3.11.2 and 3.11.7 note other things in a zip whose sizes they do not know beforehand."""
    with zipfile.ZipFile(bundle(tmp_path, converted) / "golden.npz") as archive:
        assert {(one.extract_version, one.flag_bits, one.date_time[0]) for one in archive.infolist()} == {(20, 0, 1980)}


def test_the_card_says_what_was_measured(tmp_path: Path, converted: SimpleNamespace) -> None:
    card = (bundle(tmp_path, converted, name="three kinds") / "MODEL_CARD.md").read_text()
    report = converted.report.read()
    assert card.startswith("# three kinds\n")
    assert f"| int8 | fit | {report['variants']['int8']['size']} |" in card
    assert "on a device were not measured" in card


def test_a_report_of_another_model(tmp_path: Path, converted: SimpleNamespace) -> None:
    report = converted.report.read()
    report["variants"]["int8"]["status"] = "over_budget"
    other = Metrics(tmp_path / "other.json")
    other.path.write_text(json.dumps(report))
    with pytest.raises(BadInput, match="does not prove the variant 'int8'"):
        bundle(tmp_path, converted, report=other)


def test_rows_that_were_prepared_otherwise(tmp_path: Path, converted: SimpleNamespace) -> None:
    other: Dataset = blobs(tmp_path / "other", 9, shape=(16, 3), entry="standardize")
    with pytest.raises(BadInput, match="standardize here"):
        bundle(tmp_path, converted, data=other)
