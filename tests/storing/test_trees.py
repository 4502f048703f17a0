"""Any folder that a person can make comes back as it was."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lighterage.storing import open_store

from .trees import Tree, contents, write_tree

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and len(os.fsencode(name)) <= 120
)
FOLDERS = st.recursive(
    st.binary(max_size=200), lambda inside: st.dictionaries(NAMES, inside, max_size=5), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


def flat(nested: dict[str, object], prefix: str = "") -> Tree:
    found: Tree = {}
    for name, inside in nested.items():
        if isinstance(inside, bytes):
            found[prefix + name] = inside
        elif inside:
            found |= flat(inside, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}/"] = None
    return found


@given(FOLDERS)
@settings(max_examples=60)
def test_round_trip(nested: dict[str, object]) -> None:
    tree = flat(nested)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        write_tree(here / "in", tree)
        store = open_store(str(here / "store"))
        ref = store.put(here / "in", "folder")
        store.fetch(ref, here / "out")
        assert contents(here / "out") == tree
        assert store.verify(ref) and store.put(here / "out", "folder") == ref
