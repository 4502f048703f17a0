"""Runs a function in a process of its own, because converting or running a model can kill the process."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any


class Refused(Exception):
    """A variant that must not be used, with the reason."""


class Crashed(Exception):
    """A process that ended without an answer."""


def run_in_child(function: Callable[..., Any], *arguments: Any, timeout: float) -> Any:
    """What ``function`` returns. Raises Refused as it does; Crashed for a signal, timeout or other exception.

    The child is forked, so that libraries which are loaded already need not be loaded again; nothing in this
    process may have run a TensorFlow operation before.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(theirs, function, arguments))
    child.start()
    theirs.close()
    try:
        if not wait([ours], timeout):
            raise Crashed(f"took more than {timeout:g} s")
        kind, answer = ours.recv()
    except EOFError:
        child.join()
        raise Crashed(_ending(child.exitcode)) from None
    finally:
        child.kill()
        child.join()
        ours.close()
    if kind == "returned":
        return answer
    raise (Refused if kind == "refused" else Crashed)(answer)


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        pipe.send(("returned", function(*arguments)))
    except Refused as refusal:
        pipe.send(("refused", str(refusal)))
    except Exception as error:
        pipe.send(("raised", f"{type(error).__name__}: {error}"))


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"ended with exit code {exitcode} and no answer"
