"""F6: networks and servers that cut, stall, lie, refuse and lose answers, on three kinds of bucket."""

from __future__ import annotations

import contextlib
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lighterage.storing import open_store

from ..storing import test_network as known
from ..storing.proxy import FAULTS as HARMS
from ..storing.proxy import Fault as Harm
from ..storing.proxy import Proxy, sometimes
from ..storing.servers import BUCKET, SERVERS, Server
from ..storing.trees import contents, write_tree
from .fault import Fault, Result

TOXICITY = 0.1
"""part of the requests that are harmed"""


@contextlib.contextmanager
def served(protocol: str, folder: Path) -> Iterator[tuple[Server, Proxy]]:
    """A server behind a harmless proxy, and this process led to it."""
    folder.mkdir()
    with SERVERS[protocol](folder) as server, Proxy(server.port) as proxy, pytest.MonkeyPatch.context() as patch:
        server.lead_to(patch, proxy.port)
        patch.setenv("LIGHTERAGE_STORE_TIMEOUT", str(known.DEADLINE))
        yield server, proxy


def each_harm(seed: int, rounds: int, folder: Path) -> Result:
    """The stories of tests/storing/test_network.py: each harm at every request once, black holes at each operation,
    lost answers to writes that won and lost, lies, answers that stop midway. ``rounds`` are kinds of buckets."""
    result, absent = Result(), []
    for protocol in list(SERVERS)[:rounds]:
        try:
            with served(protocol, folder / protocol) as (server, proxy):
                for name, story in _stories():
                    place = folder / f"{protocol}-{result.rounds}"
                    place.mkdir()
                    with result.round(f"{protocol}: {name}"):
                        story(open_store(server.url(uuid4().hex)), proxy, place)
                with contextlib.suppress(AssertionError):
                    result.naive(False)
                    known.test_the_same_faults_spoil_the_files_of_who_uses_the_library_plainly(server, proxy, folder)
                    result.control = (result.control or 0) + 1
                (folder / "copy").unlink(missing_ok=True)
        except pytest.skip.Exception as reason:
            absent.append(f"{protocol} skipped: {reason}")
    if not result.rounds:
        pytest.skip("; ".join(absent))
    result.note = "; ".join(absent)
    return result


def _stories() -> Iterator[tuple[str, Callable[..., None]]]:
    for harm in HARMS:
        yield (
            f"{harm.kind} {harm.amount:g}",
            lambda store, proxy, place, harm=harm: known.test_one_fault_at_each_request_is_survived(
                store, proxy, place, harm
            ),
        )
    for operation in ("read", "look", "list", "create", "replace", "publish", "stage", "find_action"):
        yield (
            f"black hole at {operation}",
            lambda store, proxy, place, operation=operation: known.test_a_server_that_says_nothing_is_given_up_in_time(
                store, proxy, place, operation
            ),
        )
    yield "answers that stop midway", known.test_answers_that_stop_midway_leave_no_part_of_a_file
    yield "a lie", known.test_a_server_that_lies_once_is_asked_again
    yield (
        "a lost answer to a win",
        lambda store, proxy, _: known.test_a_lost_answer_to_a_write_that_succeeded_is_no_failure(store, proxy),
    )
    yield (
        "a lost answer to a loss",
        lambda store, proxy, _: known.test_a_lost_answer_to_a_write_that_lost_the_race_is_not_taken_for_a_win(
            store, proxy
        ),
    )


def toxic(seed: int, rounds: int, folder: Path) -> Result:
    """A tenth of an S3 server's requests is harmed while a tree is published, found and fetched."""
    result, harmed, again = Result(), 0, 0
    with served("s3", folder / "s3") as (server, proxy):
        store = open_store(server.url("toxic"))
        for number in range(rounds):
            tree = known.some_tree(seed + number) if number % 10 == 0 else {"a": b"%d" % number * 999, "b/c": b"1"}
            write_tree(folder / f"in-{number}", tree)
            plan, begun = sometimes(HARMS, TOXICITY, seed + number), time.monotonic()
            with result.round(f"round {number}"), known.suffering(proxy, plan):
                refs: list = []
                key = f"{number:064x}"
                again += known.until_done(
                    lambda n=number, refs=refs: refs.append(store.put(folder / f"in-{n}", "folder"))
                )
                told = {"tree": refs[-1].model_dump(mode="json")}
                again += known.until_done(lambda k=key, t=told: store.record_action(k, t, run="r", task="t", seconds=0))
                again += known.until_done(lambda n=number, r=refs[-1]: store.fetch(r, folder / f"out-{n}"))
                harmed += proxy.harmed()
                assert contents(folder / f"out-{number}") == tree, "another tree came back"
                assert time.monotonic() - begun < 40 * known.DEADLINE, "it took for ever"
        _naive(result, server, proxy, folder, rounds, seed)
    result.note = f"{harmed} requests harmed, {again} operations had to be asked for again"
    return result


def _naive(result: Result, server: Server, proxy: Proxy, folder: Path, rounds: int, seed: int) -> None:
    """Who copies what comes into the file, and believes it."""
    at, good = f"127.0.0.1:{{}}/{BUCKET}/plainly", b"0" * 2_000_000
    put = urllib.request.Request(
        f"http://{at.format(server.port)}",
        good,
        {"x-amz-acl": "public-read", "Content-Type": "application/octet-stream"},
        method="PUT",
    )
    urllib.request.urlopen(put, timeout=30)
    harms = [Harm("cut answer", 1_000_000), Harm("flip", 1_000_000), Harm("status", 503)]
    with known.suffering(proxy, sometimes(harms, TOXICITY, seed)):
        for _ in range(rounds):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://{at.format(proxy.port)}", timeout=30) as answer,
                (folder / "plainly").open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
            result.naive((folder / "plainly").exists() and (folder / "plainly").read_bytes() != good)
            (folder / "plainly").unlink(missing_ok=True)


FAULTS = [
    Fault("F6a", "each harm at every request of S3, GCS and Azure, black holes, lies, lost answers", each_harm, 3, 1),
    Fault("F6b", "one request in ten harmed while a tree is published, recorded and fetched", toxic, 100, 30),
]
