"""Many operations side by side, by a bounded number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_all(function: Callable[[Item], Result], items: Iterable[Item], parallel: int, many: int = 2) -> list[Result]:
    """The results in order; the first error is raised when all that had begun has ended. Fewer items than ``many``
    are not worth threads."""
    known = list(items)
    if parallel < 2 or len(known) < many:
        return [function(item) for item in known]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(parallel, len(known))) as pool:
        futures = [pool.submit(function, item) for item in known]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
