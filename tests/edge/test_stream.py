"""A sensor's samples as they come give the answers of whole windows, and nothing else leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lighterage.edge import Bundle, InputError, Prediction
from lighterage.edge.stream import Stream

from .conftest import MOVING

pytestmark = pytest.mark.tensorflow

Paths = dict[str, Path]
SAMPLES = np.random.default_rng(3).normal(0, 1.5, (730, 6))


@pytest.fixture
def bundle(bundles: Paths) -> Bundle:
    return Bundle.load(bundles["motion-int8"])


def whole(bundle: Bundle, samples: np.ndarray, hop: int, first: int = 0) -> list[tuple[int, bytes]]:
    """What `predict` says of windows cut by hand."""
    starts = range(0, len(samples) - 99, hop)
    windows = np.stack([samples[start : start + 100] for start in starts])
    return [(first + start, one.outputs.tobytes()) for start, one in zip(starts, bundle.predict(windows), strict=True)]


def told(found: list[Prediction]) -> list[tuple[int, bytes]]:
    return [(one.at, one.outputs.tobytes()) for one in found]


def pour(stream: Stream, samples: np.ndarray, size: int) -> list[tuple[int, bytes]]:
    found = [stream.feed(samples[start : start + size]) for start in range(0, len(samples), size)]
    return told([one for some in found for one in some])


@pytest.mark.parametrize("hop", [1, 33, 50, 100, 170])
@pytest.mark.parametrize("size", [1, 7, 99, 100, 256, 730])
def test_streaming_is_batch_however_the_samples_come(bundle: Bundle, hop: int, size: int) -> None:
    assert pour(bundle.stream(hop=hop), SAMPLES, size) == whole(bundle, SAMPLES, hop)


def test_a_recording_streamed_gives_the_windows_the_pipeline_cut(
    bundles: Paths, judged: dict[str, SimpleNamespace]
) -> None:
    """Through `data/load` and `features/window` in the workflow; through the stream from the package's arrays here."""
    from seglearn.datasets import load_watch

    bundle, raw = Bundle.load(bundles["motion-int8"]), judged["motion"].raw
    series = int(raw.values["series"][0])
    streamed = bundle.stream(rate_hz=50).feed(load_watch()["X"][series])
    assert streamed and told(streamed) == [
        (50 * number, one.outputs.tobytes())
        for number, one in enumerate(bundle.predict(raw.features()[raw.values["series"] == series]))
    ]


def test_single_samples(bundle: Bundle) -> None:
    stream = bundle.stream()
    found = [one for sample in SAMPLES[:150] for one in stream.feed(sample)]
    assert told(found) == whole(bundle, SAMPLES[:150], 50)


def test_no_window_spans_a_gap(bundle: Bundle) -> None:
    times = np.arange(730) / 50
    times[260:] += 0.5
    stream = bundle.stream()
    found = [
        one
        for start in range(0, 730, 80)
        for one in stream.feed(SAMPLES[start : start + 80], times[start : start + 80])
    ]
    assert told(found) == whole(bundle, SAMPLES[:260], 50) + whole(bundle, SAMPLES[260:], 50, first=260)


def test_reset_forgets_the_samples_and_goes_on_counting(bundle: Bundle) -> None:
    stream = bundle.stream()
    assert stream.feed(SAMPLES[:90]) == []
    stream.reset()
    assert told(stream.feed(SAMPLES[90:])) == whole(bundle, SAMPLES[90:], 50, first=90)


def test_what_does_not_fit_is_refused_and_not_taken(bundle: Bundle) -> None:
    stream = bundle.stream()
    stream.feed(SAMPLES[:99])
    for bad in (np.full((5, 6), np.nan), np.zeros((5, 3)), np.full((5, 6), "x")):
        with pytest.raises(InputError):
            stream.feed(bad)
    with pytest.raises(InputError, match="as many finite times"):
        stream.feed(SAMPLES[99:], [0.0])
    assert told(stream.feed(SAMPLES[99:100])) == whole(bundle, SAMPLES[:100], 50)


def test_another_rate_another_hop_another_bundle(bundles: Paths, bundle: Bundle) -> None:
    with pytest.raises(InputError, match="learned from 50 Hz, the sensor gives 100: resample"):
        bundle.stream(rate_hz=100)
    with pytest.raises(InputError, match="at least 1"):
        bundle.stream(hop=0)
    with pytest.raises(InputError, match="takes single rows"):
        Bundle.load(bundles["digits-int8"]).stream()


@pytest.mark.parametrize("size", [1, 99, 730])
def test_a_chain_streams_as_its_first_stage_does(bundles: Paths, size: int) -> None:
    chain = Bundle.load(bundles["motion-chain"])
    found = pour(chain.stream(rate_hz=50), SAMPLES, size)
    assert found == whole(chain, SAMPLES, 50)
    with pytest.raises(InputError, match="learned from 50 Hz"):
        chain.stream(rate_hz=100)


def test_a_gate_answers_for_what_it_holds_back(bundles: Paths, judged: dict[str, SimpleNamespace]) -> None:
    """Bit by bit what the models say alone, on windows of people that neither has seen."""
    raw = judged["motion"].raw.features()[:120]
    chain, gate, classifier = (Bundle.load(bundles[f"motion-{name}"]) for name in ("chain", "int8", "float32"))
    first, second = gate.predict(raw), classifier.predict(raw)
    for found, one, other in zip(chain.predict(raw), first, second, strict=True):
        passed = one.label in MOVING
        expected = other if passed else one
        assert (found.stage, found.label) == ("classify" if passed else "detect", expected.label)
        assert found.outputs.tobytes() == expected.outputs.tobytes()
    assert {one.label in MOVING for one in first} == {True, False}
    assert chain.predict(judged["motion"].prepared.features()[:120], done=2) == chain.predict(raw)


WATCHED = """
import sys
import numpy as np
from lighterage.edge import Bundle
stream = Bundle.load(sys.argv[1]).stream()
samples = np.random.default_rng(3).normal(0, 1.5, (730, 6))
stream.feed(samples[:200])   # what is imported on the first call is imported now
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if event.split(".")[0] in ("open", "socket", "os", "subprocess", "shutil") else None)
found = stream.feed(samples[200:])
held = [value for value in vars(stream).values() if isinstance(value, np.ndarray)]
print(len(found), seen, max(map(len, held)) < stream.size, [name for name in vars(found[0])])
"""


@pytest.mark.parametrize("name", ["motion-int8", "motion-chain"])
def test_only_answers_leave(bundles: Paths, name: str) -> None:
    """No file, no socket, no process, while samples are taken; less than a window of them is kept."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(bundles[name])],
        capture_output=True,
        text=True,
        env=os.environ,
        check=True,
    )
    assert done.stdout.strip() == "10 [] True ['at', 'label', 'score', 'outputs', 'stage']"
