"""Metaflow with its local datastore: a class with a method per step, so its source is written out."""

from __future__ import annotations

from pathlib import Path

from ..jobs import Job
from ..peers import Peers

HEAD = """\
from metaflow import FlowSpec, step


class Jobs(FlowSpec):
"""
TAIL = """\

if __name__ == "__main__":
    Jobs()
"""


def write(folder: Path, jobs: list[Job]) -> None:
    chained = jobs[-1].source is not None
    body = _chain(jobs) if chained else _branches(jobs)
    end = _step("end", f"open({str(folder / jobs[-1].name)!r}, 'w').write(str(self.value))")
    (folder / "flow.py").write_text(HEAD + body + end + TAIL)


def _chain(jobs: list[Job]) -> str:
    names = [job.name for job in jobs]
    steps = [_step("start", "self.value = 0", f"self.next(self.{names[0]})")]
    for name, following in zip(names, [*names[1:], "end"], strict=True):
        steps.append(_step(name, "self.value += 1", f"self.next(self.{following})"))
    return "".join(steps)


def _branches(jobs: list[Job]) -> str:
    branches = ", ".join(f"self.{job.name}" for job in jobs)
    steps = [_step("start", "self.value = 0", f"self.next({branches})")]
    steps += [_step(job.name, "self.value += 1", "self.next(self.gather)") for job in jobs]
    last = f"self.value = inputs.{jobs[-1].name}.value"
    steps.append(_step("gather", last, "self.next(self.end)", parameters="self, inputs"))
    return "".join(steps)


def _step(name: str, *lines: str, parameters: str = "self") -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return f"    @step\n    def {name}({parameters}):\n{body}\n"


def command(peers: Peers, at_once: int) -> list[str | Path]:
    return [
        peers.python("metaflow"),
        "flow.py",
        "--quiet",
        "--no-pylint",
        "run",
        "--max-workers",
        str(at_once),
        "--max-num-splits",
        "1000",
    ]
