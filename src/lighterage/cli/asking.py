"""Programs on the PATH, asked with a bounded wait: whatever they do, an answer comes, be it that there was none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import NamedTuple


class Answer(NamedTuple):
    """What a program said."""

    code: int | None
    """exit code; None when it did not end in time"""
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def reason(self) -> str:
        """The last line of a complaint, without anything that could steer a terminal."""
        lines = (self.err.strip() or self.out.strip() or f"exit code {self.code}").splitlines()
        return "".join(char for char in lines[-1][:200] if char.isprintable())


def ask(program: str, *arguments: str, seconds: float) -> Answer:
    """Runs a program from the PATH to its end, or ends it and all it started in its process group after ``seconds``."""
    command = [shutil.which(program) or program, *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return Answer(None, "", f"no answer in {seconds:g} s")
        except BaseException:  # Ctrl-C does not reach a session of its own
            _end(process)
            raise
    return Answer(process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):  # it may have ended, and left a child that holds its output
        os.killpg(process.pid, signal.SIGKILL)


def hand_over(program: str, *arguments: str) -> int:
    """Runs a program from the PATH with this terminal as its own, for as long as it takes; returns its exit code."""
    return subprocess.run(
        [shutil.which(program) or program, *arguments], stdin=subprocess.DEVNULL, check=False
    ).returncode
