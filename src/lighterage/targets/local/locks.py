"""Mutexes and semaphores between runs on this machine: files below the store that a living process holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ...schemas.workflow import Concurrency

_AGAIN = 0.1
"""seconds between looks at a place that is taken"""


@contextmanager
def places_held(concurrency: Concurrency | None, folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Waits for the mutex and a place of the semaphore, and holds them. ``waiting`` is told once what is waited for.

    The system lets go of them when the process ends, however it ends.
    """
    with ExitStack() as held:
        if concurrency and concurrency.mutex:
            held.enter_context(_one_of([folder / f"mutex-{concurrency.mutex}"], waiting))
        if concurrency and concurrency.semaphore:
            name, limit = concurrency.semaphore.name, concurrency.semaphore.limit
            held.enter_context(_one_of([folder / f"semaphore-{name}.{place}" for place in range(limit)], waiting))
        yield


@contextmanager
def _one_of(files: list[Path], waiting: Callable[[str], None]) -> Iterator[None]:
    import fcntl

    files[0].parent.mkdir(parents=True, exist_ok=True)
    told = False
    with ExitStack() as opened:
        handles = [opened.enter_context(file.open("ab")) for file in files]
        while True:
            for handle in handles:
                with suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
            if not told:
                waiting(files[0].name.partition(".")[0].replace("-", " ", 1))
                told = True
            time.sleep(_AGAIN)
