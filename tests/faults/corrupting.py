"""F7: damage to what is kept."""

from __future__ import annotations

import json
import random
from pathlib import Path

from ..conftest import Project
from ..storing.test_faults import torn
from .fault import Fault, Result

MAKE = """\
    def make(rows):
        rows.path.mkdir()
        for number in range(6):
            (rows.path / str(number)).write_text(str(number) * (number + 1) * 50)
    """
READ = """\
    def read(rows):
        return sum(int(place.read_text()) % 9973 for place in rows.path.iterdir())
    """


def damage(seed: int, rounds: int, folder: Path) -> Result:
    """A bit, the end, everything, or the file itself: of an object or a result, chosen by chance. In even rounds
    `cache verify` must list it, in odd ones a run that needs it must find it; then it is made anew."""
    project, chance, result = Project(folder), random.Random(seed), Result()
    project.step("make", MAKE, "{}", "{rows: {type: folder}}")
    project.step("read", READ, "{rows: {type: folder}}", "{sum: {type: integer}}")
    flow = project.workflow('make: {uses: ./make}\nread: {uses: ./read, with: {rows: "${make.rows}"}}')
    good = project.run(flow)["by"]["read"]["outputs"]
    store, failed = folder / ".lighterage", 0
    for number in range(rounds):
        place = _some_place(store, chance)
        before = place.read_bytes()
        how = _harm(place, chance)
        with result.round(f"round {number}: {how} {place.relative_to(store)}"):
            if number % 2 == 0 and not (how == "deleted" and "actions" in place.parts):
                _is_listed(project, place)
            failed += _heals(project, flow, good, force="objects" in place.parts)
        result.naive(_passes_for_good(before, folder / "naive", chance))
    result.note = f"{failed} runs named it and ended, and the next one was well; the others healed at once"
    return result


def _some_place(store: Path, chance: random.Random) -> Path:
    kind = chance.choice(["objects", "objects", "actions"])
    return chance.choice(sorted(place for place in (store / kind).rglob("*") if place.is_file()))


def _harm(place: Path, chance: random.Random) -> str:
    how = chance.choice(["flipped", "truncated", "emptied", "deleted"])
    spoiled = _spoiled(place.read_bytes(), how, chance)
    place.unlink()
    if spoiled is not None:
        place.write_bytes(spoiled)
    return how


def _spoiled(data: bytes, how: str, chance: random.Random) -> bytes | None:
    if how == "deleted":
        return None
    if how == "flipped":
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    return data[: chance.randrange(len(data)) if how == "truncated" else 0]


def _is_listed(project: Project, place: Path) -> None:
    """Whatever is damaged; a result that is gone is one that was never there."""
    listed = project.call("cache", "verify", "-o", "json", code=1).stdout
    assert place.name.removesuffix(".json") in listed, f"cache verify does not list it: {listed[:300]}"


def _heals(project: Project, flow: str, good: dict[str, int], force: bool) -> bool:
    """Whether a run had to be repeated. Never another result, and everything sound in the end."""
    command = ["run", flow, "-o", "json", *(["--force", "read"] if force else [])]
    first = project.call(*command, code=None)
    assert first.returncode in (0, 1), f"exit code {first.returncode}: {first.stderr[:300]}"
    last = first if first.returncode == 0 else project.call(*command)
    told = {one["task"]: one["outputs"] for one in json.loads(last.stdout)["tasks"]}
    assert told["read"] == good, f"another result: {told['read']}"
    assert not torn(project.folder / ".lighterage"), "still damaged"
    project.call("cache", "verify")
    return first.returncode != 0


def _passes_for_good(good: bytes, copy: Path, chance: random.Random) -> bool:
    """The naive way: a file of the right size is the right file."""
    copy.write_bytes(good)
    _harm(copy, chance)
    return copy.exists() and copy.stat().st_size == len(good)


FAULTS = [Fault("F7", "an object or result flipped, truncated, emptied or deleted", damage, 100, 6)]
