"""Files that commands make are what the commands would make now: `make docs`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from lighterage.schemas import reference

ROOT = Path(__file__).parent.parent


def test_json_schemas_and_the_language_reference_are_current(tmp_path: Path) -> None:
    reference.main(str(tmp_path / "json"), str(tmp_path / "language.md"))
    made = {file.name: file.read_text() for file in (tmp_path / "json").iterdir()}
    assert made == {file.name: file.read_text() for file in (ROOT / "schemas" / "json").iterdir()}
    assert (tmp_path / "language.md").read_text() == (ROOT / "docs" / "language.md").read_text()


def _shipped() -> list[Path]:
    places = [*ROOT.glob("workflows/*.yaml"), *ROOT.glob("environments/*.yaml"), *ROOT.glob("steps/*/*/step.yaml")]
    return sorted(places)


@pytest.mark.parametrize("file", _shipped(), ids=lambda file: str(file.relative_to(ROOT)))
def test_shipped_files_name_their_schema_and_keep_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = (file.parent / first.partition("=")[2]).resolve()
    assert schema.parent == ROOT / "schemas" / "json"
    jsonschema.validate(yaml.safe_load(text), json.loads(schema.read_text()))


def test_every_field_that_people_write_has_a_meaning() -> None:
    for kind in ("workflow", "step", "environment"):
        for name, model in reference.models_in(reference.model(kind)).items():
            fields = {field.alias or key for key, field in model.model_fields.items()}
            assert fields == set(reference.meanings(model)), name
