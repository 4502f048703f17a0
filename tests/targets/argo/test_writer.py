"""What is written is read back as the very same value, by PyYAML and by Go's reader."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import product

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lighterage.targets.argo.writer import write_yaml

TRICKY = [
    "1234e56", "1e-3", "1E+2", "0o14", "014", "0x1f", "0b1", "1_000", ".5", "5.", "-1", "+1", "1:30",
    "190:20:30", "2026-01-02", "2026-01-02T03:04:05Z", "yes", "no", "on", "off", "y", "n", "Y", "N", "true",
    "TRUE", "False", "null", "Null", "NULL", "~", "=", "<<", ".nan", ".inf", "-.inf", "NaN", "inf", "-", "--",
    "---", "...", "?", ":", ",", "[", "]", "{", "}", "#", "&", "*", "!", "|", ">", "%", "@", "`", "{{x}}",
    "a:b", "a:", ":a", "a#", "@file",
]  # fmt: skip
SPACED = [
    "",
    " ",
    " a",
    "a ",
    "a b",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "\t",
    "\n",
    "a\n",
    "\na",
    "a\n\nb",
    "\r",
    "\r\n",
    '"',
    "'",
    "\\",
    "\\n",
    "\x1b",
    "\x07",
    "\x7f",
    "\x00",
    "\x85",
    "\xa0",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "é",
    "漢",
    "😀",
    "\U000e0001",
    "\u202e",
]
texts = st.text(st.characters(exclude_categories=["Cs"]))
trees = st.recursive(
    texts | st.integers(-(2**53), 2**53) | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcyn-_/.019 ", max_size=9), inner),
    max_leaves=20,
)


@given(trees)
def test_pyyaml_reads_back_what_was_written(tree: object) -> None:
    text = write_yaml(tree)
    assert yaml.load(text, yaml.SafeLoader) == tree
    assert yaml.load(text, yaml.CSafeLoader) == tree


@pytest.mark.argocheck
def test_go_reads_back_thousands_of_tricky_strings() -> None:
    argocheck = shutil.which("argocheck") or pytest.skip("argocheck is not on the PATH")
    words = [*TRICKY, *SPACED]
    strings = [*words, *("".join(pair) for pair in product(words, words))]
    document = {"strings": strings, "keys": {word: index for index, word in enumerate(words)}}

    read = subprocess.run(
        [argocheck, "json"], input=write_yaml(document).encode(), capture_output=True, check=True
    ).stdout

    assert len(strings) > 5000
    assert json.loads(read) == document


def test_a_plain_word_stays_bare_and_a_doubtful_one_is_quoted() -> None:
    assert (
        write_yaml({"image": "engine", "commit": "1234e56", "answer": "yes"})
        == 'image: engine\ncommit: "1234e56"\nanswer: "yes"\n'
    )


def test_documents_are_parted() -> None:
    assert list(yaml.safe_load_all(write_yaml({"a": 1}, {"b": []}))) == [{"a": 1}, {"b": []}]


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        write_yaml("\ud800")
    with pytest.raises(TypeError):
        write_yaml({"a": 0.5})
