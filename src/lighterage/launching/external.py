"""What data outside the store holds, by URL, as its server tells it: names, sizes and versions, without the bytes.

A process of its own asks where keys are made: storage libraries have threads, which a process that forks must not have.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from ..schemas import BadInput
from ..storing import StoreError

Facts = list[list[Any]]
"""name below the URL, bytes, version, of each object"""


def object_facts(url: str, aside: bool) -> Facts:
    """Facts of every object at a URL; ``aside`` by a process of its own, which takes 0.3 s to start. Raises BadInput for
    a URL that is not taken or where there is nothing, StoreError where nobody can say."""
    if not aside or url.startswith("memory://"):
        return _facts(url)
    global _asker
    if _asker is None or not _asker.lives():
        _asker = _Asker()
    return _asker.ask(url)


def _facts(url: str) -> Facts:
    from ..storing.external import External

    try:
        return [[one.key, one.size, one.version] for one in External(url).objects()]
    except (BadInput, StoreError):
        raise
    except Exception as error:  # whatever else a library raises: it does not say
        raise StoreError(f"{url}: {type(error).__name__}: {error}") from error


class _Asker:
    """The process that asks, one for each process that wants to know. It ends with its standard input."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        command = [sys.executable, "-P", "-m", __name__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def lives(self) -> bool:
        """Whether it can be asked by this process: a fork has only a copy of the pipes."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, url: str) -> Facts:
        assert self._process.stdin and self._process.stdout
        try:
            print(json.dumps(url), file=self._process.stdin, flush=True)
            said = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise StoreError(f"{url}: the process that asks for it has ended") from None
        if "bad" in said:
            raise BadInput(said["bad"])
        if "store" in said:
            raise StoreError(said["store"])
        facts: Facts = said["facts"]
        return facts


_asker: _Asker | None = None


def main() -> None:
    """A URL in every line that comes, facts or what is wrong in every line that goes. A server that says nothing does
    not keep the process from ending, by Ctrl-C or when nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for line in sys.stdin:
        threading.Thread(target=_say, args=(json.loads(line),), daemon=True).start()
    os._exit(0)


def _say(url: str) -> None:
    print(json.dumps(_answer(url)), flush=True)


def _answer(url: str) -> dict[str, Any]:
    try:
        return {"facts": _facts(url)}
    except BadInput as error:
        return {"bad": str(error)}
    except StoreError as error:
        return {"store": str(error)}


if __name__ == "__main__":
    main()
