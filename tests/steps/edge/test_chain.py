"""Bundles joined to a chain: what it answers, that it proves itself, and which wiring is refused. See lamps.py."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_dataset
from lamps import PAIRS, STAGES, bundles, recurrent_model, walls
from running import run_step

from lighterage.edge import Bundle, BundleError, InputError
from lighterage.edge.modelfile import read_facts
from lighterage.launching.artifacts import Artifact, Dataset
from lighterage.schemas import BadInput
from lighterage.schemas.chain import Chain as Manifest

pytestmark = pytest.mark.tensorflow

FILES = ["MODEL_CARD.md", "decide.zip", "detect.zip", "find.zip", "golden.npz", "read.zip", "report.json"]
Stages = list[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    """A model with a loop, and rows for it; made first, since TensorFlow in a fork dislikes interpreters from before."""
    return recurrent_model(tmp_path_factory.mktemp("recurrent"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """Each stage's bundle; all kinds of arithmetic are among them."""
    return bundles(tmp_path_factory.mktemp("lamps"), {"find": "dynamic_int8", "read": "int8"})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return walls(tmp_path_factory.mktemp("walls") / "data", 90, seed=5)


@pytest.fixture
def join(tmp_path: Path, made: dict[str, Artifact], data: Dataset) -> Callable[..., Any]:
    def call(stages: Stages = STAGES, **given: Any) -> Any:
        usual = {"bundles": [made[stage["name"]] for stage in stages], "data": data, "name": "lamps"}
        return run_step("edge/chain", tmp_path, stages=stages, **(usual | given))

    return call


@pytest.fixture
def lamps(join: Callable[..., Any]) -> Path:
    return Path(join().bundle.path)


def test_pictures_in_pairs_out(lamps: Path, data: Dataset) -> None:
    chain, columns = Bundle.load(lamps), data.read()
    assert chain.labels == [*PAIRS, "dark"]
    answers = chain.predict(columns.features())
    assert [one.label for one in answers] == [columns.classes[code] for code in columns.label()]
    assert {one.stage for one in answers if one.label == "dark"} == {"detect"}  # the gate's answer is the chain's
    assert {one.stage for one in answers if one.label != "dark"} == {"decide"}
    assert chain.predict(columns.features()[:0]) == []


def test_dark_pictures_alone(lamps: Path) -> None:
    """No row reaches a stage behind the gate."""
    assert [one.label for one in Bundle.load(lamps).predict(np.zeros((3, 16, 20, 1)))] == ["dark"] * 3


def test_feed_run_fetch_are_what_predict_does(lamps: Path, data: Dataset) -> None:
    chain, rows = Bundle.load(lamps, threads=2), data.read().features()[:6]
    for row, found in zip(chain.prepare(rows), chain.predict(rows), strict=True):
        chain.feed(row)
        chain.run()
        assert chain.fetch().tobytes() == found.outputs.tobytes()
    with pytest.raises(InputError, match=r"rows of shape \(16, 20, 1\) are needed"):
        chain.feed(np.zeros((4, 4, 1)))


def test_what_is_in_it(join: Callable[..., Any], made: dict[str, Artifact]) -> None:
    done = join()
    with zipfile.ZipFile(done.bundle.path) as archive:
        assert archive.namelist() == ["manifest.json", *FILES]
        told = Manifest.model_validate_json(archive.read("manifest.json"))
        for name, bundle in made.items():
            assert archive.read(f"{name}.zip") == bundle.path.read_bytes()  # as they are
        card = archive.read("MODEL_CARD.md").decode()
    assert sorted(told.files) == FILES and told.target.profile == "cpu"
    assert done.report.read()["accuracy"] == 1 and done.report.read()["answered"]["detect"] == 30
    assert "Right for 1.0000 of them." in card and "when detect says lit" in card

    described = json.loads(json.dumps(Bundle.load(done.bundle.path).describe()))
    assert [stage["bundle"]["variant"] for stage in described["stages"]] == [
        "float32",
        "dynamic_int8",
        "int8",
        "float32",
    ]


MAKE = """
import json, sys
from pathlib import Path
from lighterage.launching.artifacts import Artifact, Dataset, Metrics
from lighterage.steps.edge.chain.chain import chain
made, data, stages, *bundles = sys.argv[1:]
given = {"name": "lamps", "golden_rows": 16, "seed": 0, "one_file": True}
chain(bundles=[Artifact(one) for one in bundles], stages=json.loads(stages), data=Dataset(data), bundle=Artifact(made),
      report=Metrics(made + ".json"), **given)
"""


def test_equal_inputs_give_equal_bytes_in_another_process(
    join: Callable[..., Any], made: dict[str, Artifact], data: Dataset, tmp_path: Path
) -> None:
    one, two = join(one_file=True).bundle.path, tmp_path / "two.zip"
    given = [two, data.path, json.dumps(STAGES), *(made[stage["name"]].path for stage in STAGES)]
    environment = {"PATH": "", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", MAKE, *map(str, given)], check=True, env=environment)
    assert one.read_bytes() == two.read_bytes()


# --- proofs ---


def test_every_stage_computes_here_what_it_did_there(lamps: Path) -> None:
    verdict = Bundle.load(lamps).verify()
    assert verdict.ok
    reference = [check for check in verdict.checks if check.kernels == "BUILTIN_REF"]
    assert [check.stage for check in reference] == ["detect", "find", "read", "decide"]
    for check in reference:
        assert check.exact_rows == check.rows and check.same_answer == check.rows
    detect, find, read, decide = (check.rows for check in reference)
    assert detect == 16 and find == decide < 16 and read == 2 * find


def test_a_stage_that_answers_otherwise(lamps: Path, tmp_path: Path) -> None:
    """Golden outputs are others, with digests that fit: the verdict says at which stage."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from edge.forging import arrays, forge, unpacked

    folder = unpacked(lamps, tmp_path / "forged")
    golden = dict(np.load(folder / "golden.npz"))
    golden["outputs.read"] = golden["outputs.read"] + np.float32(1 / 256)
    forge(folder, "golden.npz", arrays(**golden))
    verdict = Bundle.load(folder).verify()
    assert {check.stage for check in verdict.checks if not check.ok} >= {"read"}
    with pytest.raises(BundleError, match="golden outputs of the stage read differ by 0.0039"):
        verdict.check()


def test_a_flipped_byte_of_a_stage(lamps: Path) -> None:
    content = bytearray(lamps.read_bytes())
    content[content.index(b"TFL3") + 100] ^= 1
    lamps.write_bytes(content)
    with pytest.raises(BundleError) as error:
        Bundle.load(lamps)
    assert error.value.kind == "damaged-file" and error.value.what.startswith("decide.zip cannot be unpacked")


def test_a_chain_for_another_target(lamps: Path) -> None:
    assert Bundle.load(lamps, target="cpu").target.checked == "run"
    with pytest.raises(BundleError) as error:
        Bundle.load(lamps, target="micro")
    assert error.value.kind == "wrong-target"


def test_single_rows_are_no_stream(lamps: Path) -> None:
    with pytest.raises(InputError, match="takes single rows, not a sensor's samples"):
        Bundle.load(lamps).stream()


# --- one file ---


def test_all_models_in_one_file(join: Callable[..., Any], data: Dataset) -> None:
    """A signature for each stage; it was proven to answer as alone before it was put in, and does so here."""
    from ai_edge_litert.interpreter import Interpreter

    made = join(one_file=True).bundle.path
    with zipfile.ZipFile(made) as archive:
        interpreter = Interpreter(model_content=archive.read("model.tflite"))
    assert list(interpreter.get_signature_list()) == ["detect", "find", "read", "decide"]
    chain, rows = Bundle.load(made), data.read().features()[:20].astype(np.float32)
    runner = interpreter.get_signature_runner("detect")
    (name,), (output,) = runner.get_input_details(), runner.get_output_details()
    answers = np.concatenate([runner(**{name: row[None]})[output] for row in rows])
    assert answers.tobytes() == chain.stages["detect"].compute(rows).tobytes()  # type: ignore[attr-defined]


def test_loops_keep_their_bodies_in_one_file(recurrent: tuple[bytes, np.ndarray]) -> None:
    """A recurrent layer's loop names its subgraphs by number, which others before it shift."""
    from lighterage.steps.edge.chain.merge import check_same, merged

    model, rows = recurrent
    assert read_facts(model).operators["WHILE"] == 1 and read_facts(model).subgraphs == 3
    models = {"one": model, "two": model, "three": model}
    whole = merged(models, {})
    check_same(whole, models, dict.fromkeys(models, rows))
    assert read_facts(whole).subgraphs == 9


# --- wiring that does not fit ---


def changed(edit: Callable[[Stages], Any]) -> Stages:
    stages = copy.deepcopy(STAGES)
    edit(stages)
    return stages


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda s: s[1].update(when={"stage": "detect", "classes": ["bright"]}), r"\['bright'\] are none of its classes"),
        (lambda s: s[1].update(when={"stage": "nobody", "classes": ["lit"]}), "takes from 'nobody', which is no stage"),
        (lambda s: s[1].update(when={"stage": "read", "classes": ["lit"]}), "'read', which does not come before it"),
        (lambda s: s[3].update(when={"stage": "read", "classes": ["low"]}), "it answers for parts"),
        (lambda s: s[2]["input"][0].update(map="decide"), "does not come before it: stages go round in no circle"),
        (lambda s: s[2]["input"][0].update(map="read"), "does not come before it: stages go round in no circle"),
        (lambda s: s[2]["input"][0].update(grid=[7, 8]), r"are not a grid of \(7, 8\)"),
        (lambda s: s[2]["input"][0].pop("grid"), "say how it folds with `grid`"),
        (lambda s: s[2]["input"][0].update(size=[4, 30]), r"no window of \(4, 30\) can be cut"),
        (lambda s: s[2]["input"][0].update(size=[4, 12]), r"is fed rows of shape \(4, 6, 1\), but its model takes \(4, 4, 1\)"),
        (lambda s: s[2]["input"][0].update(stride=2), "2 is not two numbers, of rows and of columns"),
        (lambda s: s[2]["input"][0].pop("stride"), "'stride' is missing"),
        (lambda s: s[2]["input"][0].update(angle=5), "'angle' is not known"),
        (lambda s: s[2]["input"][1].update(parts=3), "no 3 equal parts along axis 1"),
        (lambda s: s[2]["input"].reverse(), r"its input is \['split', 'crop'\]"),
        (lambda s: s[3].update(input=[{"op": "mean", "stages": ["read"]}]), r"there are crop, split"),
        (lambda s: s[3]["input"][0].update(stages=["read", "detect"]), r"fed rows of shape \(8,\), but its model takes \(6,\)"),
        (lambda s: s[3].update(name="read"), "two stages are called 'read'"),
        (lambda s: s[0].update(input=[{"op": "split", "axis": 0, "parts": 1}]), "the first stage, 'detect', takes the chain's input"),
        (lambda s: s.pop(), "the last stage, 'read', answers 2 times a row; add a stage with concat"),
    ],
)  # fmt: skip
def test_wiring_that_does_not_fit(
    join: Callable[..., Any], made: dict[str, Artifact], edit: Callable[[Stages], Any], says: str
) -> None:
    stages = changed(edit)
    with pytest.raises(BadInput, match=says):
        join(stages, bundles=list(made.values())[: len(stages)])


def test_wiring_that_was_changed_later(lamps: Path, tmp_path: Path) -> None:
    """The library finds it too: by the wiring's own name, whatever the digests say."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from edge.forging import change, unpacked

    folder = unpacked(lamps, tmp_path / "forged")
    change(folder, lambda manifest: manifest["stages"][2]["input"][0].update(grid=[8, 8]))
    with pytest.raises(BundleError) as error:
        Bundle.load(folder)
    assert error.value.kind == "wrong-wiring" and "docs/edge.md" in error.value.hint


def test_inputs_that_do_not_fit(join: Callable[..., Any], data: Dataset, tmp_path: Path) -> None:
    dark = data.read().take(data.read().label() == 0)
    with pytest.raises(BadInput, match="for none of the 16 golden rows the stage 'find' runs"):
        (one := Dataset(tmp_path / "dark")).write(dark)
        join(data=one)
    with pytest.raises(BadInput, match=r"takes rows of shape \(16, 20, 1\), but the data has \(4, 4, 1\)"):
        join(data=write_dataset(tmp_path / "small", {"picture": np.zeros((5, 4, 4, 1))}))
    with pytest.raises(BadInput, match="the data went through standardize"):
        columns = data.read()
        facts = {"preprocessing": [{"op": "standardize"}], "roles": columns.roles, "classes": columns.classes}
        join(data=write_dataset(tmp_path / "other", columns.values, **facts))
    with pytest.raises(BadInput, match="there are 3 bundles for 4 stages"):
        join(bundles=[Artifact(tmp_path)] * 3)
    with pytest.raises(BadInput, match="is no whole zip"):
        (tmp_path / "none.zip").write_bytes(b"PK")
        join(bundles=[Artifact(tmp_path / "none.zip")] * 4)
