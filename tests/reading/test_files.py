"""Files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lighterage.diagnostics import Diagnostic, Mistakes
from lighterage.reading import read_document
from lighterage.reading.source import LARGEST


def mistake_of(path: Path) -> Diagnostic:
    with pytest.raises(Mistakes) as raised:
        read_document(path)
    (found,) = raised.value.diagnostics
    assert found.file == str(path)
    return found


def test_a_file_is_read_under_the_name_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("name: é\n", encoding="utf-8")

    document = read_document(Path("a.yaml"))

    assert (document.file, document.value) == ("a.yaml", {"name": "é"})


def test_no_such_file_and_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "motion.yaml").touch()

    found = mistake_of(tmp_path / "moton.yaml")

    assert (found.code, found.message) == ("L001", "there is no such file")
    assert found.hint == f"did you mean '{tmp_path}/motion.yaml'?"


def test_no_such_folder(tmp_path: Path) -> None:
    assert mistake_of(tmp_path / "nowhere" / "a.yaml").code == "L001"


def test_names_that_no_system_takes() -> None:
    assert mistake_of(Path("a\0b")).code == "L001"
    assert mistake_of(Path("a" * 5000)).code == "L001"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.touch(mode=0o000)

    assert mistake_of(file).code == "L001"


def test_a_folder(tmp_path: Path) -> None:
    assert mistake_of(tmp_path).code == "L002"


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("a: 1\nbé: ".encode() + b"\xff\n")

    found = mistake_of(tmp_path / "a.yaml")

    assert (found.code, found.line, found.column) == ("L003", 2, 5)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "fits.yaml").write_bytes(b"a: 1\n#" + b"x" * (LARGEST - 6))
    (tmp_path / "large.yaml").write_bytes(b"a: 1\n#" + b"x" * (LARGEST - 5))

    assert read_document(tmp_path / "fits.yaml").value == {"a": 1}
    assert mistake_of(tmp_path / "large.yaml").code == "L004"


def test_text_has_the_same_limit() -> None:
    with pytest.raises(Mistakes) as raised:
        read_document("#" + "é" * (LARGEST // 2), "x")
    assert raised.value.diagnostics[0].code == "L004"
