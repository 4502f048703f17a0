"""Reading is tried with libyaml and with PyYAML's own parser: they must agree."""

from __future__ import annotations

import pytest
import yaml

from lighterage.reading import yaml_text

PARSERS = [name for name in ("CSafeLoader", "SafeLoader") if hasattr(yaml, name)]


@pytest.fixture(params=PARSERS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(yaml_text, "_Parser", getattr(yaml, request.param))
    return str(request.param)
