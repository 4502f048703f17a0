"""Bundles that are damaged, wrong, or meant to harm: each is stopped, by name, before its model runs."""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lighterage.edge import Bundle, BundleError
from lighterage.edge.manifest import read_manifest
from lighterage.edge.modelfile import check_model

from .forging import arrays, change, forge, inside, unpacked

pytestmark = pytest.mark.tensorflow

FILES = ("model.tflite", "labels.txt", "golden.npz", "report.json", "MODEL_CARD.md")


def zipped(bundle: Path, prefix: str = "") -> Path:
    file = bundle.with_suffix(".zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(bundle.iterdir()):
            archive.write(one, prefix + one.name)
    return file


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(BundleError) as error:
        Bundle.load(path)
    assert error.value.hint and str(error.value) == f"{error.value.what}; {error.value.hint}"
    return error.value.kind, error.value.what


# --- damage ---


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    kind, what = refused(copied)
    assert kind == "damaged-file" and what.startswith(name)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(copied: Path, name: str) -> None:
    (copied / name).unlink()
    assert refused(copied) == ("missing-file", f"{name} is missing")


def test_a_cut_file(copied: Path) -> None:
    content = (copied / "model.tflite").read_bytes()
    (copied / "model.tflite").write_bytes(content[:-5])
    says = f"model.tflite has {len(content) - 5} bytes, the manifest says {len(content)}"
    assert refused(copied) == ("damaged-file", says)


def test_no_bundle(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing")[0] == "not-a-bundle"
    assert refused(tmp_path) == ("not-a-bundle", "there is no manifest.json")


# --- what it says does not hold together ---


def test_another_format(copied: Path) -> None:
    change(copied, lambda manifest: manifest.update(format="lighterage/bundle/9"))
    kind, what = refused(copied)
    assert kind == "unknown-format" and "'lighterage/bundle/9'" in what


def test_preprocessing_of_a_newer_version_is_not_passed_over(copied: Path) -> None:
    change(copied, lambda manifest: manifest["preprocessing"].append({"op": "spectrum"}))
    assert refused(copied)[0] == "unknown-format"


def test_labels_in_another_order(copied: Path) -> None:
    names = (copied / "labels.txt").read_text().splitlines()
    forge(copied, "labels.txt", "\n".join([*names[1:], names[0]]).encode() + b"\n")
    assert refused(copied)[0] == "wrong-labels"


def test_a_label_too_few(copied: Path) -> None:
    change(copied, lambda manifest: manifest["classes"].pop())
    assert refused(copied) == ("wrong-labels", "the manifest names 6 classes for 7 outputs of a classification")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda m: m.pop("model"), "'model' should be dict, not NoneType"),
        (lambda m: m["model"]["input"].update(shape=[4, 100, 6]), "not a batch of one"),
        (lambda m: m["model"]["input"].pop("quantization"), "int8 without a quantization"),
        (lambda m: m["model"]["input"]["quantization"].update(scale=0), "above 0, not 0"),
        (lambda m: m["model"].update(file="other.tflite"), "'other.tflite' is not among"),
        (lambda m: m["files"].update({"../../etc/passwd": m["files"]["labels.txt"]}), "cannot be a file of a bundle"),
        (lambda m: m["files"].update({"labels.txt": {"digest": "sha256:0", "size": 1}}), "no digest and size"),
        (lambda m: m.update(features=[1]), "holds int beside str"),
        (lambda m: m["preprocessing"][0].update(size=50), "are not the input's"),
        (lambda m: m["preprocessing"][1].update(std=[0.0] * 6), "std above 0"),
        (lambda m: m["preprocessing"][1].update(mean=[1.0] * 5), "'standardize' cannot be done"),
        (lambda m: m["preprocessing"][1].pop("mean"), "'standardize' cannot be done"),
    ],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense(copied: Path, edit: Callable[[dict[str, Any]], Any], says: str) -> None:
    change(copied, edit)
    kind, what = refused(copied)
    assert kind == "wrong-manifest" and says in what


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe", b" " * 5_000_000 + b"{}"])
def test_a_manifest_that_is_none(copied: Path, content: bytes) -> None:
    (copied / "manifest.json").write_bytes(content)
    assert refused(copied)[0] == "wrong-manifest"


# --- zips ---


@pytest.mark.parametrize("prefix", ["", "motion/"])
def test_a_zip_is_a_bundle_too(copied: Path, prefix: str) -> None:
    folder, archive = Bundle.load(copied), Bundle.load(zipped(copied, prefix))
    rows = np.random.default_rng(0).normal(size=(20, 100, 6))
    assert archive.predict(rows) == folder.predict(rows)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_zip(copied: Path, share: float) -> None:
    file = zipped(copied)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    assert refused(file)[0] == "damaged-file"


def test_flipped_bytes_of_a_zip_never_pass(copied: Path) -> None:
    """Anywhere: in the data, in a name, in the list at the end. Either the content is whole, or it is refused."""
    file = zipped(copied)
    content, random_, refusals = file.read_bytes(), random.Random(5), 0
    whole = read_manifest((copied / "manifest.json").read_bytes())
    for _ in range(150):
        place = random_.randrange(len(content))
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << random_.randrange(8)]) + content[place + 1 :])
        try:
            assert Bundle.load(file).manifest == whole
        except BundleError:
            refusals += 1
    assert refusals > 100


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "..\\evil"])
def test_an_entry_that_leads_out_of_the_zip(copied: Path, name: str) -> None:
    file = zipped(copied)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, "x")
    kind, what = refused(file)
    assert kind == "unsafe-archive" and "leads out of it" in what
    assert not list(copied.parent.parent.rglob("evil"))


def test_two_entries_of_one_name(copied: Path) -> None:
    file = zipped(copied)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("labels.txt", "x")
    assert refused(file)[0] == "unsafe-archive"


def test_a_zip_that_swells(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are of hundreds of megabytes; a smaller one shows the same."""
    monkeypatch.setattr("lighterage.edge.content.MOST_BYTES", 100_000)
    forge(copied, "report.json", b" " * 200_000)
    assert refused(zipped(copied)) == ("unsafe-archive", "report.json has over 100000 bytes")
    assert refused(copied)[0] == "unsafe-archive"


# --- models ---


def test_a_model_of_another_bundle(copied: Path, bundles: dict[str, Path]) -> None:
    forge(copied, "model.tflite", inside(bundles["digits-int8"], "model.tflite"))
    kind, what = refused(copied)
    assert kind == "unfit-model" and "does not have the operators that were proven" in what


def test_a_model_whose_tensors_are_others(copied: Path, bundles: dict[str, Path]) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["model"]["output"]["quantization"]["scale"] = 0.5
    (copied / "manifest.json").write_text(json.dumps(manifest))
    kind, what = refused(copied)
    assert kind == "unfit-model" and "the model's output is" in what


@pytest.mark.parametrize("content", [b"", b"x" * 500, b"\0\0\0\0TFL3", b"\xff\xff\xff\x7fTFL3" + b"\xff" * 500])
def test_no_model_at_all(copied: Path, content: bytes) -> None:
    forge(copied, "model.tflite", content)
    assert refused(copied)[0] == "unfit-model"


def altered(model: bytes, edit: Callable[[Any], None]) -> bytes:
    """The flatbuffer with something else inside."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    edit(tree)
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _custom(tree: Any) -> None:
    tree.operatorCodes[0].builtinCode, tree.operatorCodes[0].customCode = 32, "FlexTensorListReserve"
    tree.operatorCodes[0].deprecatedBuiltinCode = 32


def _variable(tree: Any) -> None:
    tree.operatorCodes[0].builtinCode, tree.operatorCodes[0].deprecatedBuiltinCode = 143, 127


def _huge(tree: Any) -> None:
    tree.subgraphs[0].tensors[0].shape = [1, 2**30, 2**20]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_custom, "needs CUSTOM, which a plain runtime"),
        (_variable, "needs READ_VARIABLE"),
        (_huge, "its tensors may need"),
    ],
)
def test_a_model_that_should_not_reach_the_interpreter(copied: Path, edit: Callable[[Any], None], says: str) -> None:
    forge(copied, "model.tflite", altered((copied / "model.tflite").read_bytes(), edit))
    kind, what = refused(copied)
    assert kind == "unfit-model" and says in what


def _nan(tree: Any) -> None:
    largest = max((buffer for buffer in tree.buffers if buffer.data is not None), key=lambda buffer: len(buffer.data))
    largest.data = np.frombuffer(np.full(len(largest.data) // 4, np.nan, np.float32).tobytes(), np.uint8)


def test_a_model_that_answers_nan(bundles: dict[str, Path], tmp_path: Path) -> None:
    """It loads, it runs, and its operators are those that were proven."""
    broken = unpacked(bundles["motion-float32"], tmp_path / "broken")
    forge(broken, "model.tflite", altered((broken / "model.tflite").read_bytes(), _nan))
    bundle = Bundle.load(broken)
    with pytest.raises(BundleError, match="NaN or infinity for 2 of 2 rows, the first row 0"):
        bundle.predict(np.ones((2, 100, 6)))
    assert not bundle.verify().ok


def test_the_look_at_a_model_survives_any_bytes(copied: Path) -> None:
    """Plain Python all the way: a broken file gives an error with a name, or passes for what it still is."""
    model, random_ = (copied / "model.tflite").read_bytes(), random.Random(11)
    manifest = read_manifest((copied / "manifest.json").read_bytes())
    stopped = 0
    for _ in range(400):
        broken = bytearray(model)
        for _ in range(20):
            broken[random_.choice((random_.randrange(400), random_.randrange(len(model))))] = random_.randrange(256)
        try:
            check_model(bytes(broken), manifest)
        except BundleError:
            stopped += 1
    assert stopped > 100


# --- golden vectors ---


@pytest.mark.parametrize(
    "name", ["motion-int8", "motion-float32", "digits-int8", "digits-dynamic-int8", "diabetes-float32"]
)
def test_golden_outputs_come_back_bit_by_bit(bundles: dict[str, Path], name: str) -> None:
    verdict = Bundle.load(bundles[name]).verify()
    reference, used = verdict.checks
    assert verdict.ok and verdict.check() is None
    assert (reference.kernels, reference.exact_rows, reference.max_abs_diff) == ("BUILTIN_REF", reference.rows, 0)
    assert used.kernels in ("XNNPACK", "BUILTIN") and used.same_answer == used.rows
    allowed = {"motion-int8": 0, "digits-int8": 0, "diabetes-float32": 1e-5 * np.abs(golden(bundles[name])).max()}
    assert reference.tolerance == pytest.approx(allowed.get(name, 1e-5))
    assert json.loads(json.dumps(verdict.as_json()))["ok"]


def golden(bundle: Path) -> np.ndarray:
    return np.asarray(np.load(io.BytesIO(inside(bundle, "golden.npz")))["outputs"])


def test_reference_kernels_in_use_are_checked_once(bundles: dict[str, Path]) -> None:
    verdict = Bundle.load(bundles["motion-int8"], kernels="reference").verify()
    assert [check.kernels for check in verdict.checks] == ["BUILTIN_REF"]


def test_one_step_of_the_last_place_is_seen(copied: Path) -> None:
    """A model that computes otherwise: on reference kernels not even one step is allowed."""
    golden = dict(np.load(copied / "golden.npz"))
    golden["outputs"][3, 2] += np.float32(1 / 256)
    forge(copied, "golden.npz", arrays(**golden))
    verdict = Bundle.load(copied).verify()
    reference = verdict.checks[0]
    assert not verdict.ok and reference.exact_rows == reference.rows - 1
    with pytest.raises(
        BundleError, match=r"golden outputs differ by 0.00390625 on BUILTIN_REF.*do not use the bundle here"
    ) as error:
        verdict.check()
    assert error.value.kind == "failed-verification"


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", arrays(inputs=np.zeros((16, 100, 6), np.float32)), arrays(inputs=np.zeros(3), outputs=np.zeros(3))],
)
def test_golden_arrays_that_are_none(copied: Path, content: bytes) -> None:
    forge(copied, "golden.npz", content)
    bundle = Bundle.load(copied)
    with pytest.raises(BundleError) as error:
        bundle.verify()
    assert error.value.kind == "damaged-file"


def test_golden_arrays_that_swell(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lighterage.edge.verifying.MOST_BYTES", 100_000)
    content = io.BytesIO()
    np.savez_compressed(content, inputs=np.zeros((16, 100, 6), np.float32), outputs=np.zeros((16, 7, 1000), np.float32))
    forge(copied, "golden.npz", content.getvalue())
    with pytest.raises(BundleError, match="they have over 100000 bytes"):
        Bundle.load(copied).verify()


def test_a_pickle_is_not_loaded(copied: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return shutil.rmtree, (str(tmp_path / "victim"),)

    (tmp_path / "victim").mkdir()
    forge(copied, "golden.npz", arrays(inputs=np.array([Harm()], object), outputs=np.zeros(1, np.float32)))
    with pytest.raises(BundleError):
        Bundle.load(copied).verify()
    assert (tmp_path / "victim").is_dir()
