"""Workflows run here: order, parallelism, the cache, what failed and what went on."""

from __future__ import annotations

import json
import os
import time

from tests.conftest import Project

CHAIN = """
    a: {uses: ./add, with: {value: "${parameters.start}"}}
    b: {uses: ./add, with: {value: "${a.result}"}}
    c: {uses: ./add, with: {value: "${b.result}"}}
"""


def test_a_chain_runs_in_order_and_comes_from_the_cache_the_second_time(adding: Project) -> None:
    flow = adding.workflow(CHAIN, head="parameters: {start: 0}\noutputs: {end: '${c.result}'}\n")
    first = adding.run(flow)
    assert (first["status"], first["outputs"]) == ("succeeded", {"end": 3})
    again = adding.run(flow)
    assert again["outputs"] == {"end": 3}
    assert [one["cached"] for one in again["tasks"]] == [True, True, True]


def test_another_parameter_runs_what_depends_on_it_and_plan_says_why(adding: Project) -> None:
    flow = adding.workflow(CHAIN + "    other: {uses: ./add, with: {value: 70}}\n", head="parameters: {start: 0}\n")
    adding.run(flow)
    told = json.loads(adding.call("plan", flow, "-p", "start=5", "-o", "json").stdout)["tasks"]
    assert [(one["task"], one["verdict"]) for one in told] == [
        ("a", "run"),
        ("other", "cached"),
        ("b", "wait"),
        ("c", "wait"),
    ]
    assert told[0]["reason"] == "value 'value' changed: 0 → 5"
    by = adding.run(flow, "-p", "start=5")["by"]
    assert {name: one["cached"] for name, one in by.items()} == {"a": False, "b": False, "c": False, "other": True}


def test_changed_code_is_a_miss(adding: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    adding.run(flow)
    adding.write({"add/add.py": "def add(value):\n    return value + 100\n"})
    told = adding.run(flow)["by"]["a"]
    assert (told["cached"], told["outputs"]) == (False, {"result": 101})


def test_an_edit_that_keeps_size_and_date_runs_the_new_code(adding: Project) -> None:
    """Python would take the bytecode that it has cached."""
    code = adding.folder / "add/add.py"
    before = code.stat()
    adding.write({"add/more.py": "ONE = 1\n"})
    code.write_text("import more\n\n\ndef add(value):\n    return value + more.ONE\n")
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    for expected in (2, 3):
        for file in (code, adding.folder / "add/more.py"):
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert adding.run(flow)["by"]["a"]["outputs"] == {"result": expected}
        (adding.folder / "add/more.py").write_text("ONE = 2\n")


def test_an_input_file_changed_in_place_is_a_miss(project: Project) -> None:
    project.step(
        "count",
        "def count(source):\n    return len(open(source).read())",
        "{source: {type: string, external: true}}",
        "{size: {type: integer}}",
    )
    flow = project.workflow("a: {uses: ./count, with: {source: data.txt}}")
    project.write({"data.txt": "four"})
    assert project.run(flow)["by"]["a"]["outputs"] == {"size": 4}
    assert project.run(flow)["by"]["a"]["cached"]
    project.write({"data.txt": "seven77"})
    assert project.run(flow)["by"]["a"]["outputs"] == {"size": 7}
    (project.folder / "data.txt").unlink()
    failure = project.run(flow, code=1)["by"]["a"]["failure"]
    assert failure["kind"] == "bad_input"
    assert "data.txt cannot be read" in failure["message"]


def test_a_matrix_has_an_instance_for_each_combination_and_is_read_as_a_list(project: Project) -> None:
    project.step(
        "times",
        "def times(a, b):\n    return a * b",
        "{a: {type: integer}, b: {type: integer}}",
        "{product: {type: integer}}",
    )
    project.step(
        "total",
        "def total(values):\n    return sum(values)",
        "{values: {type: list, items: {type: integer}}}",
        "{sum: {type: integer}}",
    )
    flow = project.workflow(
        """
        times:
          uses: ./times
          with: {a: "${matrix.a}", b: "${matrix.b}"}
          matrix: {a: [1, 2, 3], b: [10, 20], exclude: [{a: 3, b: 20}]}
          max_parallel: 2
        total: {uses: ./total, with: {values: "${times.product}"}}
        """
    )
    by = project.run(flow)["by"]
    assert by["total"]["outputs"] == {"sum": 10 + 20 + 20 + 40 + 30}
    assert [by[f"times[{index}]"]["outputs"]["product"] for index in range(5)] == [10, 20, 20, 40, 30]


def test_artifacts_flow_as_files_and_folders(project: Project) -> None:
    project.step(
        "write",
        """\
        def write(page, tree):
            page.path.write_text("ü")
            (tree.path / "empty").mkdir(parents=True)
            (tree.path / "a b.txt").write_text("")
            return {}
        """,
        outputs="{page: {type: file}, tree: {type: folder}}",
    )
    project.step(
        "look",
        """\
        import os
        def look(page, tree):
            found = sorted(str(path.relative_to(tree.path)) for path in tree.path.rglob("*"))
            with page.open() as stream:
                return {"text": stream.read().decode() + page.path.read_text(), "found": found}
        """,
        inputs="{page: {type: file}, tree: {type: folder}}",
        outputs="{text: {type: string}, found: {type: list}}",
    )
    flow = project.workflow(
        'write: {uses: ./write}\nlook: {uses: ./look, with: {page: "${write.page}", tree: "${write.tree}"}}'
    )
    assert project.run(flow)["by"]["look"]["outputs"] == {"text": "üü", "found": ["a b.txt", "empty"]}


def test_a_false_condition_skips_a_task_and_what_depends_on_it(adding: Project) -> None:
    flow = adding.workflow(
        """
        a: {uses: ./add, with: {value: 1}}
        no: {uses: ./add, with: {value: 1}, when: "${a.result} > 2"}
        after: {uses: ./add, with: {value: "${no.result}"}}
        yes: {uses: ./add, with: {value: 1}, when: "${a.result} == 2"}
        """
    )
    told = adding.run(flow)
    assert {name: one["status"] for name, one in told["by"].items()} == {
        "a": "succeeded", "no": "skipped", "after": "skipped", "yes": "succeeded",
    }  # fmt: skip


def test_independent_branches_go_on_after_a_failure(adding: Project) -> None:
    adding.step("fail", "def fail():\n    print('last words')\n    raise ValueError('no luck')")
    flow = adding.workflow(
        """
        bad: {uses: ./fail}
        after: {uses: ./add, with: {value: 1}, needs: [bad]}
        good: {uses: ./add, with: {value: 1}}
        """
    )
    told = adding.run(flow, code=1)
    assert {name: one["status"] for name, one in told["by"].items()} == {
        "bad": "failed",
        "after": "omitted",
        "good": "succeeded",
    }
    assert told["by"]["bad"]["failure"] == {"kind": "error", "message": "ValueError: no luck", "exit_code": 1}
    said = adding.call("run", flow, code=1).stderr
    assert "✗ bad: ValueError: no luck" in said
    assert "| last words" in said
    assert "fail.py" in said
    assert "whole log: lighterage logs" in said


def test_an_allowed_failure_leaves_the_run_a_success(adding: Project) -> None:
    adding.step("fail", "def fail():\n    raise ValueError('no luck')")
    flow = adding.workflow(
        "bad: {uses: ./fail, allow_failure: true}\nafter: {uses: ./add, with: {value: 1}, needs: [bad]}"
    )
    told = adding.run(flow)
    assert (told["status"], told["by"]["bad"]["status"], told["by"]["after"]["status"]) == (
        "succeeded",
        "failed",
        "succeeded",
    )


def test_a_retry_heals_what_heals_and_spares_bad_input(project: Project) -> None:
    project.step(
        "flaky",
        """\
        import pathlib
        from lighterage.schemas import BadInput
        def flaky(place, bad):
            marks = pathlib.Path(place)
            marks.write_text((marks.read_text() if marks.exists() else "") + "x")
            if bad:
                raise BadInput("never")
            if len(marks.read_text()) < 3:
                raise RuntimeError("not yet")
        """,
        inputs="{place: {type: string}, bad: {type: boolean}}",
    )
    flow = project.workflow(
        f"""
        heals: {{uses: ./flaky, with: {{place: {project.folder}/heals, bad: false}}, retry: {{limit: 3, backoff: 0.01s}}}}
        never: {{uses: ./flaky, with: {{place: {project.folder}/never, bad: true}}, retry: {{limit: 3, backoff: 0.01s}}}}
        """
    )
    by = project.run(flow, code=1)["by"]
    assert (by["heals"]["status"], (project.folder / "heals").read_text()) == ("succeeded", "xxx")
    assert (by["never"]["failure"]["exit_code"], (project.folder / "never").read_text()) == (64, "x")


def test_until_only_from_and_force_choose_tasks(adding: Project) -> None:
    flow = adding.workflow(CHAIN, head="parameters: {start: 0}\n")
    assert list(adding.run(flow, "--until", "b")["by"]) == ["a", "b"]
    assert (
        "not in the cache" in adding.run(flow, "-p", "start=9", "--only", "c", code=1)["by"]["a"]["failure"]["message"]
    )
    by = adding.run(flow, "--from", "b", "--force", "b")["by"]
    assert {name: one["cached"] for name, one in by.items()} == {"a": True, "b": False, "c": False}
    assert "did you mean" in adding.call("run", flow, "--only", "cc", code=2).stderr


def test_tasks_run_side_by_side_within_jobs(project: Project) -> None:
    project.step(
        "sleep",
        """\
        import pathlib, time
        def sleep(n, here):
            begun = time.time()
            pathlib.Path(here, str(n)).touch()
            while len(list(pathlib.Path(here).iterdir())) < 2:
                time.sleep(0.02)
            time.sleep(0.3)
            return {'begun': begun, 'ended': time.time()}
        """,
        "{n: {type: integer}, here: {type: string}}",
        "{begun: {type: number}, ended: {type: number}}",
    )
    (here := project.folder / "here").mkdir()
    flow = project.workflow(
        f"s: {{uses: ./sleep, with: {{n: '${{matrix.n}}', here: {here}}}, matrix: {{n: [1, 2, 3, 4]}}}}"
    )
    spans = [one["outputs"] for one in project.run(flow, "--jobs", "2")["tasks"]]
    most = max(sum(other["begun"] <= one["begun"] < other["ended"] for other in spans) for one in spans)
    assert most == 2


def test_a_command_step_takes_values_and_files_as_arguments(project: Project) -> None:
    hostile = "a b'\"$(id)`;\n{{x}} é\x1b"
    project.write(
        {
            "shout/step.yaml": """\
                apiVersion: lighterage/v1
                kind: Step
                name: shout
                version: 1.0.0
                description: Any program
                inputs: {text: {type: string}}
                outputs: {copy: {type: file}, size: {type: integer}}
                command: [python3, -c, "import sys; open(sys.argv[2], 'w').write(sys.argv[1]); open(sys.argv[3], 'w').write(str(len(sys.argv[1])))", "${inputs.text}", "${outputs.copy}", "${outputs.size}"]
                """
        }
    )
    flow = project.workflow(
        "a: {uses: ./shout, with: {text: '${parameters.t}'}}",
        head="parameters: {t: {type: string}}\noutputs: {copy: '${a.copy}'}\n",
    )
    told = project.run(flow, "-p", f"t={hostile}")
    assert told["by"]["a"]["outputs"]["size"] == len(hostile)
    assert (project.folder / ".lighterage" / "outputs" / "flow" / "copy").read_text() == hostile


def test_a_time_limit_ends_a_task(project: Project) -> None:
    project.step("hang", "import time\ndef hang():\n    time.sleep(60)")
    begun = time.monotonic()
    failure = project.run(project.workflow("a: {uses: ./hang, timeout: 0.3s}"), code=1)["by"]["a"]["failure"]
    assert failure["kind"] == "timeout"
    assert time.monotonic() - begun < 30
