"""Tasks in containers: the contract of targets, programs in images of others, and nothing that is left or let out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.base_image import engine_image, podman, settings
from tests.conftest import Project
from tests.recording.test_edits_meanwhile import Halfway
from tests.targets.contract import TargetContract

pytestmark = pytest.mark.containers

HOSTILE = [
    "", " ", "a\nb\r\n", "'; id; '", '"$(id)`id`"', "{{workflow.name}} {{=1}} ${x} $HOME", "\x1b[2J\x07\x7f", "🦆 é 漢", "-", "--rm",
    "x" * 100_000,
]  # fmt: skip


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def boxes(project: Project, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> Project:
    """A project whose environment names an image with the engine. Its folder `shared` is in every container."""
    (project.folder / "shared").mkdir()
    name_image(project, engine_image())
    monkeypatch.setenv("CONTAINERS_CONF", str(settings(project.folder, str(project.folder / "shared"))))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder))
    return project


def name_image(project: Project, image: str) -> None:
    project.write(
        {
            "boxes.yaml": f"""\
                apiVersion: lighterage/v1
                kind: Environment
                name: boxes
                store: {{url: .lighterage}}
                images: {{engine: "{image}"}}
                sites: {{here: {{target: local}}}}
                """
        }
    )


TEXTS = "parameters: {texts: {type: list, items: {type: string}}}\n"


def hostile(project: Project) -> tuple[str, str]:
    """The hostile texts as the parameter `texts`."""
    lines = [json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f") for text in HOSTILE]
    (project.folder / "texts.yaml").write_text(f"texts: [{', '.join(lines)}]\n", encoding="utf-8")
    return "--params", "texts.yaml"


IN_CONTAINERS = ("-e", "boxes.yaml", "--containers", "--tool", "podman")


class TestContainers(TargetContract):
    """Tasks in containers of podman."""

    @pytest.fixture(autouse=True)
    def _boxes(self, boxes: Project) -> None:
        """The project that the contract is given."""

    def marks(self, project: Project) -> Path:
        return project.folder / "shared" / "marks"

    def run(self, project: Project) -> tuple[bool, dict[str, dict[str, Any]]]:
        done = project.call("run", "flow.yaml", "-o", "json", *IN_CONTAINERS, code=None)
        told = json.loads(done.stdout)
        tasks = {f"{one['task']}[{one['index']}]" if "matrix" in one else one["task"]: one for one in told["tasks"]}
        assert left_of(told["run"]) == []
        return done.returncode == 0, tasks


def left_of(run: str | None = None) -> list[str]:
    """Containers of a run, or of any, in whatever state."""
    label = f"label=lighterage.run={run}" if run else "label=lighterage.run"
    return podman("ps", "--all", "--quiet", f"--filter={label}").stdout.split()


# --- what a step sees ---


def test_hostile_values_arrive_byte_for_byte(boxes: Project) -> None:
    boxes.step(
        "echo",
        "import json\ndef echo(texts, back):\n    back.path.write_text(json.dumps(texts))\n    return {'same': texts}",
        "{texts: {type: list, items: {type: string}}}",
        "{back: {type: file}, same: {type: list, items: {type: string}}}",
    )
    flow = boxes.workflow('a: {uses: ./echo, with: {texts: "${parameters.texts}"}}', head=TEXTS)
    told = boxes.run(flow, *hostile(boxes), *IN_CONTAINERS)
    assert told["by"]["a"]["outputs"]["same"] == HOSTILE
    boxes.call("get", told["run"], "a.back", "back.json")
    assert json.loads((boxes.folder / "back.json").read_text()) == HOSTILE


def test_nothing_of_the_callers_environment_is_in_there(boxes: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaky")
    monkeypatch.setenv("http_proxy", "http://name:leaky@proxy.example")
    boxes.step(
        "look",
        "import os\ndef look():\n"
        "    return {'names': sorted(os.environ), 'values': list(os.environ.values()), 'home': os.listdir('/root') if os.path.isdir('/root') else []}",
        outputs="{names: {type: list}, values: {type: list}, home: {type: list}}",
    )
    seen = boxes.run(boxes.workflow("a: {uses: ./look}"), *IN_CONTAINERS)["by"]["a"]["outputs"]
    assert {"LIGHTERAGE_INPUTS", "LIGHTERAGE_OUTPUTS", "HOME"} <= set(seen["names"])
    assert not any("leaky" in value for value in seen["values"])
    assert not {name.lower() for name in seen["names"]} & {"aws_secret_access_key", "http_proxy"}


def test_a_step_can_write_its_outputs_and_nothing_else_and_they_are_the_callers(boxes: Project) -> None:
    code = """\
        import pathlib
        def touch(page, mine):
            refused = []
            for place in (pathlib.Path(__file__), page.path, pathlib.Path("/new"), pathlib.Path("/etc/passwd")):
                try:
                    place.open("ab").close()
                except OSError:
                    refused.append(place.name)
            pathlib.Path("/tmp/scratch").write_text("fine")
            mine.path.write_text(page.path.read_text() + page.open().read().decode())
            return {"refused": refused}
        """
    boxes.step("touch", code, "{page: {type: file}}", "{mine: {type: file}, refused: {type: list}}")
    boxes.step("write", "def write(page):\n    page.path.write_text('hello')", outputs="{page: {type: file}}")
    flow = boxes.workflow('w: {uses: ./write}\na: {uses: ./touch, with: {page: "${w.page}"}}')
    told = boxes.run(flow, *IN_CONTAINERS)
    assert told["by"]["a"]["outputs"]["refused"] == ["touch.py", "page", "new", "passwd"]
    boxes.call("get", told["run"], "a.mine", "mine")
    assert (boxes.folder / "mine").read_text() == "hellohello"
    written = list((boxes.folder / ".lighterage").rglob("*"))
    assert {place.stat().st_uid for place in written} == {os.getuid()}


def test_a_local_path_in_a_folder_with_a_strange_name_can_be_read(boxes: Project) -> None:
    boxes.step(
        "read",
        "def read(source):\n    return {'text': open(source).read()}",
        "{source: {type: string, external: true}}",
        "{text: {type: string}}",
    )
    boxes.write({'we:ird, "data"/page.txt': "found"})
    flow = boxes.workflow("""a: {uses: ./read, with: {source: 'we:ird, "data"/page.txt'}}""")
    assert boxes.run(flow, *IN_CONTAINERS)["by"]["a"]["outputs"] == {"text": "found"}


# --- the cache ---


def test_with_equal_libraries_a_laptop_and_its_containers_share_results(adding: Project, boxes: Project) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    assert not adding.run(flow)["by"]["a"]["cached"]
    assert adding.run(flow, *IN_CONTAINERS)["by"]["a"]["cached"]


def test_the_versions_in_the_key_are_those_of_the_image(boxes: Project) -> None:
    boxes.step(
        "need", "def need():\n    return {'done': True}", outputs="{done: {type: boolean}}", more="requires: [pytest]"
    )
    flow = boxes.workflow("a: {uses: ./need}")
    assert boxes.run(flow)["status"] == "succeeded"
    err = boxes.call("run", flow, *IN_CONTAINERS, code=1).stderr
    assert "need requires pytest, which its image does not hold" in err


def test_code_of_a_shipped_step_that_is_not_what_was_planned_does_not_run(boxes: Project) -> None:
    context = boxes.folder / "context"
    boxes.write(
        {"context/Containerfile": f"FROM {engine_image()}\nCOPY more.py /engine/lighterage/steps/notify/webhook/\n"}
    )
    boxes.write({"context/more.py": "# another version\n"})
    image = "localhost/lighterage-test-other:1"
    made = podman("build", "--pull=never", f"--tag={image}", str(context))
    assert made.returncode == 0, made.stderr
    name_image(boxes, image)
    flow = boxes.workflow('a: {uses: notify/webhook@1, with: {url: "http://localhost:9/", message: {}}}')
    err = boxes.call("run", flow, *IN_CONTAINERS, code=1).stderr
    assert "the image has other code of notify/webhook@1 than was planned" in err


def test_data_edited_while_its_container_runs_is_kept_for_nobody(boxes: Project) -> None:
    halfway = Halfway(boxes, here="shared", how=IN_CONTAINERS)
    told = halfway.run(lambda folder: (folder / "data.txt").write_text("two"))
    assert told["not_kept"] == "external data 'source', data.txt, changed while the task ran"
    halfway.as_before()
    assert halfway.run()["outputs"] == {"told": "old one"}
    assert halfway.run()["cached"]


# --- programs in images that know nothing of the engine ---

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **arguments) {
    int c, code = atoi(arguments[1]);
    FILE *in = fopen(arguments[3], "rb"), *out = fopen(arguments[4], "wb"), *value = fopen(arguments[5], "wb");
    if (!in || !out || !value || !getenv("LIGHTERAGE_INPUTS")) return 99;
    fputs(arguments[2], out);
    while ((c = fgetc(in)) != EOF) fputc(c, out);
    fprintf(value, "%d", (int)strlen(arguments[2]));
    printf("uid %d\n", (int)getuid());
    return code;
}
"""

STEP = """\
    apiVersion: lighterage/v1
    kind: Step
    name: join
    version: 1.0.0
    description: For a test
    inputs:
      code: {type: integer, default: 0}
      text: {type: string}
      page: {type: file}
    outputs:
      joined: {type: file}
      length: {type: integer}
    image: localhost/lighterage-test-scratch:1
    command: [%s, "${inputs.code}", "${inputs.text}", "${inputs.page}", "${outputs.joined}", "${outputs.length}"]
    """


@pytest.fixture
def scratch(boxes: Project) -> Project:
    """The project, and an image that holds one program and nothing else: no shell, no library."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler is on the PATH")
    boxes.write({"program.c": PROGRAM, "join/step.yaml": STEP % "/program"})
    made = subprocess.run([compiler, "-static", "-o", "program", "program.c"], cwd=boxes.folder, capture_output=True)
    if made.returncode:
        pytest.skip(f"cc cannot link a static program: {made.stderr.decode().splitlines()[-1]}")
    with tarfile.open(boxes.folder / "scratch.tar", "w") as tar:
        tar.add(boxes.folder / "program", "program")
    imported = podman("import", str(boxes.folder / "scratch.tar"), "localhost/lighterage-test-scratch:1")
    assert imported.returncode == 0, imported.stderr
    boxes.step("write", "def write(page):\n    page.path.write_text('hello')", outputs="{page: {type: file}}")
    return boxes


def _join(code: int) -> str:
    return (
        "w: {uses: ./write}\n"
        f'a: {{uses: ./join, with: {{text: x, page: "${{w.page}}", code: {code}}}, retry: {{limit: 1, backoff: 0.1s}}}}'
    )


def test_a_program_in_an_image_without_engine_and_shell(scratch: Project) -> None:
    flow = scratch.workflow(
        """
        w: {uses: ./write}
        a: {uses: ./join, for_each: "${parameters.texts}", with: {text: "${item}", page: "${w.page}"}}
        """,
        head=TEXTS,
    )
    told = scratch.run(flow, *hostile(scratch), *IN_CONTAINERS)
    for index, text in enumerate(HOSTILE):
        assert told["by"][f"a[{index}]"]["outputs"]["length"] == len(text.encode())
        scratch.call("get", told["run"], "a.joined", f"joined-{index}", "--index", str(index))
        assert (scratch.folder / f"joined-{index}").read_bytes() == text.encode() + b"hello"
    assert f"uid {os.getuid()}" in scratch.call("logs", told["run"], "a", "--index", "0").stdout


def test_bad_input_of_a_program_is_tried_once(scratch: Project) -> None:
    err = scratch.call("run", scratch.workflow(_join(code=64)), *IN_CONTAINERS, code=1).stderr
    assert "the step ended with exit code 64" in err
    assert "again" not in err


def test_a_program_that_is_not_in_the_image_is_missing(scratch: Project) -> None:
    scratch.write({"join/step.yaml": STEP % "/nothing"})
    told = scratch.run(scratch.workflow(_join(code=0)), *IN_CONTAINERS, code=1)
    failure = told["by"]["a"]["failure"]
    assert failure["kind"] == "missing"
    assert "'/nothing' cannot be started" in failure["message"]


# --- ends ---

STUBBORN = """\
    import signal, time
    def stay(marks):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(marks, "w").write("here")
        time.sleep(300)
    """


def _stubborn(project: Project, more: str = "") -> tuple[str, Path]:
    marks = project.folder / "shared" / "marks"
    project.step("stay", STUBBORN, "{marks: {type: string}}")
    return project.workflow(f"a: {{uses: ./stay, with: {{marks: {marks}}}{more}}}"), marks


def _until(true: Callable[[], object], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.05)


def _run_of(project: Project) -> str:
    return next((project.folder / ".lighterage" / "runs").iterdir()).name


@pytest.mark.faults
def test_kill_9_of_the_run_ends_its_containers(boxes: Project) -> None:
    flow, marks = _stubborn(boxes)
    process = boxes.start("run", flow, *IN_CONTAINERS)
    _until(marks.exists)
    run = _run_of(boxes)
    assert len(left_of(run)) == 1
    process.kill()
    process.communicate()
    _until(lambda: not left_of(run))


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_and_its_containers(boxes: Project, number: signal.Signals, code: int) -> None:
    flow, marks = _stubborn(boxes)
    process = boxes.start("run", flow, *IN_CONTAINERS, start_new_session=True)
    _until(marks.exists)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert left_of(_run_of(boxes)) == []


@pytest.mark.faults
def test_a_killed_supervisor_takes_its_container_along(boxes: Project) -> None:
    flow, marks = _stubborn(boxes)
    process = boxes.start("run", flow, *IN_CONTAINERS)
    _until(marks.exists)
    client = _process_with(f"lighterage.run={_run_of(boxes)}")
    supervisor = _parent(_parent(client))
    os.kill(supervisor, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a: the step was killed by SIGKILL" in err
    assert left_of(_run_of(boxes)) == []


def _process_with(word: str) -> int:
    """The podman that was called with this word."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"podman") and any(word.encode() in one for one in words):
            return int(place.parent.name)
    raise AssertionError(f"no podman runs with {word}")


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_step_that_does_not_listen_is_ended_at_its_time_limit(boxes: Project) -> None:
    flow, _ = _stubborn(boxes, ", timeout: 3s")
    told = boxes.run(flow, *IN_CONTAINERS, code=1)
    assert told["by"]["a"]["failure"]["message"] == "the step did not end within 3 s"
    assert left_of(told["run"]) == []


def test_a_container_that_is_ended_while_it_is_made_is_not_left(boxes: Project) -> None:
    boxes.step("wait", "import time\ndef wait(n):\n    time.sleep(300)", "{n: {type: integer}}")
    limits = (0.05, 0.1, 0.2, 0.3, 0.5)
    flow = boxes.workflow(
        "\n".join(f"t{n}: {{uses: ./wait, with: {{n: {n}}}, timeout: {s}s}}" for n, s in enumerate(limits))
    )
    told = boxes.run(flow, *IN_CONTAINERS, code=1)
    assert {one["failure"]["kind"] for one in told["tasks"]} == {"timeout"}
    assert left_of(told["run"]) == []


def test_a_step_that_wants_more_memory_than_it_asked_for_is_told_to_ask(boxes: Project) -> None:
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    if not (Path("/sys/fs/cgroup/memory").is_dir() or (controllers.exists() and "memory" in controllers.read_text())):
        pytest.skip("the kernel does not bound memory of control groups here")
    boxes.step("fill", "def fill():\n    return {'n': len(bytearray(1 << 29))}", outputs="{n: {type: integer}}")
    flow = boxes.workflow("a: {uses: ./fill, resources: {memory: 128Mi}}\nb: {uses: ./fill, resources: {memory: 1Gi}}")
    told = boxes.run(flow, *IN_CONTAINERS, code=1)
    assert (
        "killed by SIGKILL; this is what the kernel does when memory runs out" in told["by"]["a"]["failure"]["message"]
    )
    assert told["by"]["b"]["status"] == "succeeded"


def test_the_steps_own_lines_of_a_traceback_are_in_the_log_once(boxes: Project) -> None:
    boxes.step("fall", "def fall():\n    print('before')\n    raise ValueError('out of reach')")
    told = boxes.run(boxes.workflow("a: {uses: ./fall}"), *IN_CONTAINERS, code=1)
    failure = told["by"]["a"]["failure"]
    assert (failure["kind"], failure["message"]) == ("error", "ValueError: out of reach")
    log = boxes.call("logs", told["run"], "a").stdout
    assert log.startswith("before")
    assert log.count("out of reach") == 2, "the line of code, and the error"
    assert "launching" not in log


# --- what is missing ---


def test_an_image_that_is_not_there_is_said_before_anything_runs(adding: Project, boxes: Project) -> None:
    name_image(boxes, "localhost/lighterage-test-nowhere:1")
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    err = adding.call("run", flow, *IN_CONTAINERS, code=3).stderr
    assert "podman has no image localhost/lighterage-test-nowhere:1" in err
    assert "lighterage images build" in err


def test_without_podman_and_docker_it_says_what_it_needs(adding: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(adding.folder))
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    assert "needs podman or docker" in adding.call("run", flow, "--containers", code=3).stderr
    assert "podman is not on the PATH" in adding.call("run", flow, "--containers", "--tool", "podman", code=3).stderr


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not on the PATH")
def test_a_docker_whose_daemon_does_not_answer(adding: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{adding.folder}/nobody.sock")
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}")
    assert "docker's daemon does not answer" in adding.call("run", flow, "--tool=docker", code=3).stderr
