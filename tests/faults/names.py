"""F11: names that shells, globs, URLs and terminals take for something else."""

from __future__ import annotations

import random
from pathlib import Path

from lighterage.storing import open_store

from ..conftest import Project
from ..storing.trees import contents, write_tree
from .fault import Fault, Result

NAMES = [
    "a space",
    "ü",
    "日本",
    "[x]",
    "a*b",
    "a?b",
    "a#b",
    "%20",
    "-leading",
    "~",
    "$HOME",
    "'quoted\"",
    "a;b&c|d",
    "${a}",
    "{{x}}",
    "back\\slash",
    "C:",
    "a:b@c",
    "cafe\u0301",
    " leading",
    "trailing.",
    "new\nline",
    "tab\t",
    "n" * 255,
    "é" * 127,
    "/".join(["d" * 48] * 4),
]
PATTERN = "[x]"
"""what the naive way takes for another name"""
COPY = """\
    import shutil
    def copy(source, tree):
        shutil.copytree(source, tree.path)
    """
LIST = """\
    def listed(tree):
        return {"names": sorted(str(place.relative_to(tree.path)) for place in tree.path.rglob("*") if place.is_file())}
    """


def use(seed: int, rounds: int, folder: Path) -> Result:
    """The project, its store and its data lie in a folder of that name, and so are files called in a folder that goes
    from step to step. Right, or refused with a reason: nothing between."""
    result, refused = Result(), []
    chosen = NAMES if rounds >= len(NAMES) else [PATTERN, *random.Random(seed).sample(NAMES, rounds - 1)]
    for number, name in enumerate(chosen):
        with result.round(f"name {name!r}"):
            place = folder / f"{number}" / name
            place.mkdir(parents=True)
            refused += [repr(name)] if not _right(Project(place), name) else []
            _comes_back(folder / f"store-{number}", folder / f"tree-{number}", name)
        result.naive(_globbed(folder / f"naive-{number}", name))
    result.note = f"refused: {', '.join(refused) or 'none'}"
    return result


def _right(project: Project, name: str) -> bool:
    """False when it was refused."""
    project.step("copy", COPY, "{source: {type: string, external: true}}", "{tree: {type: folder}}")
    project.step("listed", LIST, "{tree: {type: folder}}", "{names: {type: list}}")
    write_tree(project.folder / "data", {name: b"1", f"more/{name}": b"2"})
    flow = project.workflow(
        'copy: {uses: ./copy, with: {source: data}}\nlisted: {uses: ./listed, with: {tree: "${copy.tree}"}}',
        head="outputs: {tree: '${copy.tree}'}\n",
    )
    done = project.call("run", flow, "-o", "json", code=None)
    if _is_odd(name):
        assert done.returncode in (1, 2, 4) and "control character" in done.stdout + done.stderr, done.stderr[-300:]
        return False
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]}"
    told = project.run(flow)
    assert told["by"]["listed"]["outputs"] == {"names": sorted([name, f"more/{name}"])}, "other names arrived"
    project.call("get", told["run"], "copy.tree", "got")
    assert contents(project.folder / "got") == {name: b"1", f"more/{name}": b"2"}, "another tree came back"
    assert contents(project.folder / ".lighterage/outputs/flow/tree") == contents(project.folder / "got")
    return True


def _comes_back(store: Path, tree: Path, name: str) -> None:
    """One file of that name, alone."""
    if _is_odd(name) or "/" in name:
        return
    write_tree(tree, {name: b"alone"})
    opened = open_store(str(store / name))
    opened.fetch(opened.put(tree / name, "file"), tree / "copy")
    assert (tree / "copy").read_bytes() == b"alone", "another file came back"


def _is_odd(name: str) -> bool:
    return any(ord(character) < 32 for character in name)


def _globbed(folder: Path, name: str) -> bool:
    """The naive way: fsspec's `get`, which takes names for patterns."""
    import fsspec

    write_tree(folder, {f"in/{name}": b"mine", "in/axb": b"another", "in/x": b"another"})
    fs = fsspec.filesystem("file")
    try:
        fs.get(str(folder / "in" / name), str(folder / "out"))
        return not (folder / "out").is_file() or (folder / "out").read_bytes() != b"mine"
    except OSError:
        return True


FAULTS = [
    Fault("F11", "names with spaces, patterns, escapes, line breaks, 255 bytes, long folders", use, len(NAMES), 5)
]
