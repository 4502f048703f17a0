"""What a workflow means, whatever runs it: small workflows, one for each feature, and how each task of them must end.

A target passes when its class, a subclass of `TargetContract`, does.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest

from tests.conftest import Project

STEPS = {
    "add": (
        "def add(a, b, page):\n    page.path.write_text(f'{a}+{b}')\n    return {'sum': a + b}",
        "{a: {type: number}, b: {type: number, default: 1}}",
        "{sum: {type: number}, page: {type: file}}",
    ),
    "count": (
        "def count(to):\n    return {'items': [{'n': n} for n in range(to)]}",
        "{to: {type: integer}}",
        "{items: {type: list, items: {type: object}}}",
    ),
    "total": (
        "def total(numbers, pages):\n"
        "    return {'sum': sum(numbers), 'text': ' '.join(one.path.read_text() for one in pages or [])}",
        "{numbers: {type: list, items: {type: number}}, pages: {type: list, items: {type: file}, optional: true}}",
        "{sum: {type: number}, text: {type: string}}",
    ),
    "fail": (
        "def fail(code):\n    raise SystemExit(code)",
        "{code: {type: integer, default: 1}}",
        "{}",
    ),
    "refuse": (
        "from lighterage.schemas import BadInput\n\ndef refuse(marks):\n"
        "    open(marks, 'a').write('x')\n    raise BadInput('never')",
        "{marks: {type: string}}",
        "{}",
    ),
    "heal": (
        "import os\n\ndef heal(marks):\n    open(marks, 'a').write('x')\n"
        "    if os.path.getsize(marks) < 3: raise OSError('not yet')\n    return {'attempts': os.path.getsize(marks)}",
        "{marks: {type: string}}",
        "{attempts: {type: integer}}",
    ),
    "sleep": ("import time\n\ndef sleep(seconds):\n    time.sleep(seconds)", "{seconds: {type: number}}", "{}"),
    "echo": (
        "import json\n\ndef echo(texts, back):\n    back.path.write_text(json.dumps(texts))",
        "{texts: {type: list, items: {type: string}}}",
        "{back: {type: file}}",
    ),
    "tell": (
        "def tell(status, failed):\n    return {'told': f'{status} {failed}'}",
        "{status: {type: string}, failed: {type: list, items: {type: string}}}",
        "{told: {type: string}}",
    ),
}  # fmt: skip
"""name -> code, inputs, outputs"""

NESTED = """\
    apiVersion: lighterage/v1
    kind: Workflow
    name: twice
    parameters: {start: {type: number}}
    tasks:
      one: {uses: ./add, with: {a: "${parameters.start}"}}
      two: {uses: ./add, with: {a: "${one.sum}"}}
    outputs: {end: "${two.sum}"}
    """


class Case(NamedTuple):
    """A workflow, and what it must come to."""

    tasks: str
    ends: str
    """task or task[index]: status, and a value where one is told; `cached` counts as succeeded"""
    head: str = ""
    succeeds: bool = True


CASES = {
    "a chain": Case(
        """\
        x: {uses: ./add, with: {a: 1}}
        y: {uses: ./add, with: {a: "${x.sum}", b: 2.5}}
        """,
        "x: succeeded 2, y: succeeded 4.5",
    ),
    "parameters and order": Case(
        """\
        y: {uses: ./add, with: {a: 1}, needs: [x]}
        x: {uses: ./add, with: {a: "${parameters.n}"}}
        """,
        "x: succeeded 8, y: succeeded 2",
        head="parameters: {n: 7}",
    ),
    "a matrix": Case(
        """\
        x: {uses: ./add, with: {a: "${matrix.a}", b: "${matrix.b}"}, max_parallel: 2,
            matrix: {a: [1, 2], b: [10, 20], exclude: [{a: 1, b: 20}], include: [{a: 5, b: 5}]}}
        all: {uses: ./total, with: {numbers: "${x.sum}", pages: "${x.page}"}}
        """,
        "x[0]: succeeded 11, x[1]: succeeded 12, x[2]: succeeded 22, x[3]: succeeded 10, all: succeeded 55",
    ),
    "a list": Case(
        """\
        list: {uses: ./count, with: {to: 3}}
        x: {uses: ./add, for_each: "${list.items}", with: {a: "${item.n}"}}
        all: {uses: ./total, with: {numbers: "${x.sum}", pages: "${x.page}"}}
        """,
        "list: succeeded, x[0]: succeeded 1, x[1]: succeeded 2, x[2]: succeeded 3, all: succeeded 6",
    ),
    "an empty list": Case(
        """\
        list: {uses: ./count, with: {to: 0}}
        x: {uses: ./add, for_each: "${list.items}", with: {a: "${item.n}"}}
        all: {uses: ./total, with: {numbers: "${x.sum}"}}
        """,
        "list: succeeded, all: succeeded 0",
    ),
    "rounds": Case(
        """\
        x: {uses: ./add, with: {a: "${carried.a}", b: "${carried.a}"},
            repeat: {times: 9, until: "${x.sum} > 10", start: {a: 2}, carry: {a: sum}}}
        y: {uses: ./add, with: {a: "${x.sum}"}}
        """,
        "x[0]: succeeded 4, x[1]: succeeded 8, x[2]: succeeded 16, y: succeeded 17",
    ),
    "conditions": Case(
        """\
        x: {uses: ./add, with: {a: 1}}
        yes: {uses: ./add, with: {a: 1}, when: "${x.sum} == 2 and not ${parameters.no}"}
        no: {uses: ./add, with: {a: 1}, when: "${x.sum} > 2 or ${parameters.no}"}
        after: {uses: ./add, with: {a: "${no.sum}"}}
        """,
        "x: succeeded 2, yes: succeeded 2, no: skipped, after: skipped",
        head="parameters: {no: false}",
    ),
    "a condition on each": Case(
        'x: {uses: ./add, with: {a: "${matrix.a}"}, matrix: {a: [1, 2, 3]}, when: "${matrix.a} != 2"}',
        "x[0]: succeeded 2, x[1]: skipped, x[2]: succeeded 4",
    ),
    "a failure": Case(
        """\
        x: {uses: ./fail}
        after: {uses: ./add, with: {a: 1}, needs: [x]}
        beside: {uses: ./add, with: {a: 1}}
        """,
        "x: failed, after: omitted, beside: succeeded 2",
        succeeds=False,
    ),
    "an allowed failure": Case(
        """\
        x: {uses: ./fail, allow_failure: true}
        after: {uses: ./add, with: {a: 1}, needs: [x]}
        """,
        "x: failed, after: succeeded 2",
    ),
    "an attempt that heals": Case(
        "x: {uses: ./heal, with: {marks: MARKS}, retry: {limit: 3, backoff: 0.1s, factor: 1}}",
        "x: succeeded 3",
    ),
    "bad input is tried once": Case(
        "x: {uses: ./refuse, with: {marks: MARKS}, retry: {limit: 3, backoff: 0.1s, factor: 1}}",
        "x: failed",
        succeeds=False,
    ),
    "an exit code that is not to be tried again": Case(
        "x: {uses: ./fail, with: {code: 7}, retry: {limit: 3, backoff: 0.1s, factor: 1, exit_codes: [8]}}",
        "x: failed",
        succeeds=False,
    ),
    "a time limit": Case("x: {uses: ./sleep, with: {seconds: 60}, timeout: 1s}", "x: failed", succeeds=False),
    "silence that means yes": Case(
        """\
        ask: {approve: {message: Go?, inputs: {n: 4}, timeout: 1s, otherwise: approve}}
        x: {uses: ./add, with: {a: "${ask.n}"}}
        """,
        "ask: succeeded 4, x: succeeded 5",
    ),
    "silence that means no": Case(
        """\
        ask: {approve: {message: Go?, timeout: 1s}}
        x: {uses: ./add, with: {a: 1}, needs: [ask]}
        """,
        "ask: failed, x: omitted",
        succeeds=False,
    ),
    "what follows a success": Case(
        "x: {uses: ./add, with: {a: 1}}",
        "x: succeeded 2, on-exit-1: skipped, on-exit-2: succeeded succeeded []",
        head="""\
            on_exit:
              - {when: failed, uses: ./tell, with: {status: "${run.status}", failed: "${run.failed}"}}
              - {uses: ./tell, with: {status: "${run.status}", failed: "${run.failed}"}}""",
    ),
    "what follows a failure": Case(
        "x: {uses: ./fail}",
        "x: failed, on-exit-1: succeeded failed ['x'], on-exit-2: skipped",
        head="""\
            on_exit:
              - {when: failed, uses: ./tell, with: {status: "${run.status}", failed: "${run.failed}"}}
              - {when: succeeded, uses: ./tell, with: {status: "${run.status}", failed: "${run.failed}"}}""",
        succeeds=False,
    ),
    "a workflow as a task": Case(
        """\
        in: {uses: ./twice.yaml, with: {start: 1}}
        x: {uses: ./add, with: {a: "${in.end}"}}
        """,
        "in--one: succeeded 2, in--two: succeeded 3, x: succeeded 4",
    ),
}


class TargetContract:
    """Subclasses say how a project's `flow.yaml` is run."""

    idle = frozenset[str]()
    """words for a task that did not run which mean the same here"""

    def marks(self, project: Project) -> Path:
        """A file that tasks and this test can both reach."""
        return project.folder / "marks"

    def run(self, project: Project) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether it succeeded; by task or task[index]: status and outputs, as `run -o json` tells them."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", CASES)
    def test_it_means(self, name: str, project: Project) -> None:
        case = CASES[name]
        marks = self.marks(project)
        write(case, project, marks)
        succeeded, tasks = self.run(project)
        assert succeeded is case.succeeds, tasks
        expected = {label: end for label, _, end in (part.partition(": ") for part in case.ends.split(", "))}
        assert {label: self._end(one) for label, one in tasks.items()} == {
            label: "idle" if end in self.idle else end for label, end in expected.items()
        }
        if name == "bad input is tried once":
            assert marks.read_text() == "x"

    def _end(self, task: dict[str, Any]) -> str:
        """``succeeded 4``: the status, and the first scalar among the outputs."""
        if task["status"] in self.idle:
            return "idle"
        values = [one for one in task["outputs"].values() if isinstance(one, str | int | float)][:1]
        told = [one if isinstance(one, str) else f"{one:g}" for one in values]
        return " ".join([task["status"], *told])


def write(case: Case, project: Project, marks: Path) -> None:
    """The case as `flow.yaml`, and the steps and workflow that it uses."""
    for name, (code, inputs, outputs) in STEPS.items():
        project.step(name, code, inputs, outputs)
    project.write({"twice.yaml": NESTED})
    project.workflow(dedent(case.tasks).replace("MARKS", str(marks)), head=dedent(case.head) + "\n")
