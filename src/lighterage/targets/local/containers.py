"""Tasks in containers: everything around the step stays on this machine, and the container holds the step alone.

Inputs are brought into the workspace and outputs are taken from it here, so that a container needs neither the store nor
credentials, and an image needs nothing of the engine for a step that is a program.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ... import __version__
from ...launching import inside
from ...launching.commands import ended, prepare, values_left, variables
from ...launching.execute import Work, collect, make_room, staged, value_outputs
from ...launching.failure import TaskFailure
from ...launching.ingredients import Versions, local_path
from ...schemas.plan import Plan, PlannedResources, PlannedStep
from ...storing import Store, StoreError
from .container_tools import Tool, Unavailable, find_tool, image_id, normalized, versions_in

_ALONE = (
    "--rm",
    "--init",  # a program that is number 1 would ignore SIGTERM
    "--log-driver=none",  # what it prints comes to the task's log
    "--read-only",
    "--tmpfs=/tmp:exec,mode=1777",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--security-opt=label=disable",  # SELinux would refuse folders of the caller's; to label them anew would change them
    "--env=HOME=/tmp",
    "--env=PYTHONUNBUFFERED=1",
    "--env=PYTHONDONTWRITEBYTECODE=1",
)
_REASONS = (
    re.compile(rb"^ERROR \(catatonit:\d+\): failed to exec pid1: (.+)$", re.MULTILINE),
    re.compile(rb"^\[FATAL tini \(\d+\)\] exec .+ failed: (.+)$", re.MULTILINE),
)
"""what podman's and docker's first process says when it cannot start the program"""
_OF_THE_TOOL = re.compile(rb"^(?:Error|docker): (.+)$", re.MULTILINE)
_TAIL = 4096
_TRIES = 3


class Room(NamedTuple):
    """What a container gets; travels to the task's process as JSON."""

    name: str
    labels: dict[str, str]
    cpu: float
    """CPUs"""
    memory: int
    """bytes"""
    accelerators: int


class Containers:
    """Which image each step of a run has, and the containers that are made of them."""

    def __init__(self, tool: Tool, images: Mapping[str, str], versions: Mapping[str, Mapping[str, str]]) -> None:
        self.tool = tool
        self._images = images
        """the step's own word for it -> its id now: a tag may be given to another image while tasks run"""
        self._versions = versions
        """the same, where Python is in it -> what is installed"""

    def versions_for(self, step: PlannedStep) -> Versions:
        """What the step's image holds."""
        return lambda name: self._versions.get(step.image, {}).get(normalized(name))

    def room(self, run: str, label: str, resources: PlannedResources, cpu: float, memory: int) -> Room:
        """For one attempt of a task, which gets so much of this machine."""
        count = resources.accelerator.count if resources.accelerator else 0
        labels = {"lighterage.run": run, "lighterage.task": label}
        return Room(f"lighterage-{secrets.token_hex(8)}", labels, cpu, memory, count)

    def task(self, job: dict[str, Any]) -> ContainerTask:
        """What does a job's work."""
        return ContainerTask(self, Room(*job["room"]), Path(job["log"]))

    def clear(self, job: dict[str, Any]) -> None:
        """Ends and removes the container of a job whose own process could not."""
        self.remove(Room(*job["room"]))

    def remove(self, room: Room) -> None:
        """Ends and removes a container, if there is one."""
        now = ("--time=0", "--ignore") if self.tool.name == "podman" else ()
        with suppress(subprocess.TimeoutExpired, OSError):
            for _ in range(_TRIES):  # what was being made may be busy
                if self.tool.call("rm", "--force", *now, room.name, timeout=60).returncode == 0:
                    break

    def command(
        self, room: Room, step: PlannedStep, mounts: Iterable[str], folder: Path, words: list[str]
    ) -> list[str]:
        """The command line that runs these words in a container of the step's image."""
        options = [*self.tool.user, *_ALONE, f"--name={room.name}", f"--workdir={folder}"]
        options += [f"--label={name}={value}" for name, value in room.labels.items()]
        options += [f"--env={name}={value}" for name, value in variables(folder).items()]
        options += [f"--mount={mount}" for mount in mounts]
        if "cpu" in self.tool.limits:
            options.append(f"--cpus={min(room.cpu, os.cpu_count() or 1):g}")
        if "memory" in self.tool.limits:
            options += [f"--memory={room.memory}", f"--memory-swap={room.memory}"]
        if room.accelerators and self.tool.name == "docker":
            options.append(f"--gpus={room.accelerators}")
        elif room.accelerators:
            options += [f"--device=nvidia.com/gpu={number}" for number in range(room.accelerators)]
        program, *arguments = words
        return self.tool.words("run", *options, f"--entrypoint={program}", self._images[step.image], *arguments)


class ContainerTask:
    """Does the work of one task instance in a container, in place of `launching.execute.execute`."""

    def __init__(self, containers: Containers, room: Room, log: Path) -> None:
        self._containers = containers
        self._room = room
        self._log = log
        self.peak: int | None = None
        """bytes of memory, where they are known"""
        self._ending = False

    def __call__(self, work: Work, store: Store) -> dict[str, Any]:
        """Runs the step and publishes its artifacts; returns its outputs as a record keeps them. Raises TaskFailure."""
        signal.signal(signal.SIGTERM, self._to_end)
        self._require(work.step)
        make_room(work)
        (work.folder / "inputs").mkdir()
        try:
            inputs = staged(work, store)
            returned = self._call_python(work, inputs) if work.step.python else self._run_command(work, inputs)
            return collect(work, returned, store)
        except StoreError as error:
            raise TaskFailure("store", str(error)) from error

    def _to_end(self, *_: Any) -> None:
        """podman and docker are sent the signal as well and hand it on; this process waits for the end."""
        self._ending = True

    def _require(self, step: PlannedStep) -> None:
        version = self._containers.versions_for(step)
        if absent := [name for name in step.requires if version(name) is None]:
            raise TaskFailure("missing", f"{step.name} requires {', '.join(absent)}, which its image does not hold")

    def _call_python(self, work: Work, inputs: dict[str, Any]) -> dict[str, Any]:
        inside.write_call(work, inputs)
        self._run(work, ["python3", "-m", inside.MODULE, str(work.folder)])
        told = inside.read_returned(work.folder)
        if told is None:
            raise TaskFailure("error", "the container ended well, but did not say what the step returned")
        returned, self.peak = told
        if isinstance(returned, TaskFailure):
            raise returned
        return returned

    def _run_command(self, work: Work, inputs: dict[str, Any]) -> dict[str, Any]:
        self._run(work, prepare(work.step.command or [], inputs, work.folder, work.step.folder))
        return values_left(value_outputs(work.step), work.folder)

    def _run(self, work: Work, words: list[str]) -> None:
        """Raises TaskFailure unless the container ends well."""
        command = self._containers.command(self._room, work.step, _mounts(work), work.folder, words)
        sys.stdout.flush()
        begin = self._log.stat().st_size
        code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
        if code or self._ending:  # podman that is stopped before the start says 0, and leaves what it made
            self._containers.remove(self._room)
            raise self._not_started(code, words[0], begin) or ended(_of_the_program(code) or -signal.SIGTERM)

    def _not_started(self, code: int, program: str, begin: int) -> TaskFailure | None:
        """Why no program ran, which only the log tells from ``begin`` on; None when one did."""
        with self._log.open("rb") as log:
            log.seek(max(begin, log.seek(0, os.SEEK_END) - _TAIL))
            tail = log.read()
        for reason in _REASONS:
            if found := reason.search(tail):
                return TaskFailure("missing", f"{program!r} cannot be started: {found[1].decode(errors='replace')}")
        if code in (125, 126, 127) and (found := _OF_THE_TOOL.search(tail)):
            return TaskFailure("missing", f"{self._containers.tool.name}: {found[1].decode(errors='replace')}")
        return None


def _of_the_program(code: int) -> int:
    """The exit code as `subprocess` gives it, negative for a signal; a container tells 128 + its number."""
    with suppress(ValueError):
        return -signal.Signals(code - 128)
    return code


def _mounts(work: Work) -> Iterator[str]:
    """Every place has the same path inside, so that paths among the arguments hold in both worlds."""
    yield _mount(work.folder)
    yield _mount(work.folder / "inputs", "readonly")
    if work.step.folder and (work.step.own or work.step.command):
        yield _mount(work.step.folder, "readonly")
    for name, value in work.inputs.items():
        if work.step.inputs[name].external and not value.startswith("package:"):
            place = local_path(value, work.base)
            if "://" not in value.removeprefix("file://") and place.exists():
                yield _mount(place.absolute(), "readonly")


def _mount(place: Path, *options: str) -> str:
    """One `--mount`, which is read as a line of CSV."""
    fields = ["type=bind", f"source={place}", f"target={place}", *options]
    return ",".join('"' + one.replace('"', '""') + '"' if set(one) & set(',"\n') else one for one in fields)


def containers_for(
    plan: Plan, active: Iterable[str] | None, images: Mapping[str, str], wanted: str | None
) -> Containers:
    """What it takes to run these tasks of a plan in containers: every image is here before the first of them starts.

    ``images`` are the environment's; ``wanted`` is `podman` or `docker`, or None for either. Raises Unavailable.
    """
    tool = find_tool(wanted)
    chosen = None if active is None else set(active)
    tasks = [task for task in plan.tasks if chosen is None or task.name in chosen]
    steps = [plan.steps[task.step] for task in [*tasks, *plan.on_exit] if not task.approve]
    named = {step.image: images.get(step.image) or _default(step.image) for step in steps}
    ids = {image: image_id(tool, name) for image, name in sorted(named.items())}
    with_python = {step.image for step in steps if step.python or step.requires}
    versions = {image: versions_in(tool, named[image], ids[image]) for image in sorted(with_python)}
    for step in steps:
        if step.python and (held := versions[step.image].get("lighterage")) != __version__:
            what = f"lighterage {held}, and this is {__version__}" if held else "no lighterage"
            raise Unavailable(f"the image {named[step.image]}, where {step.name} runs, holds {what}: build it anew")
    return Containers(tool, ids, versions)


def _default(image: str) -> str:
    """What `lighterage images build` calls a runtime on this machine; a whole reference stays as it is."""
    return image if any(mark in image for mark in "/:@") else f"localhost/lighterage/{image}:{__version__}"
