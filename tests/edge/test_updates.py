"""A fleet: the publisher types commands, a device follows a channel over http, and neither is harmed by what goes wrong."""

from __future__ import annotations

import base64
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lighterage.cli import cli
from lighterage.edge import Bundle
from lighterage.edge.delta import apply_delta
from lighterage.edge.errors import UpdateError
from lighterage.edge.installed import digest_of
from lighterage.edge.signing import encoded
from lighterage.edge.updates import Updates
from tests.conftest import Project

from .serving import Site, serving
from .tiny import CLASSES, FEATURES, weights, write_bundle

ROWS = np.random.default_rng(1).normal(size=(3, FEATURES)).astype(np.float32)


class Fleet:
    """A publisher with a store, bundles and a key; and the folder of it that devices see, behind a web server."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder, self.site = folder, site
        self.key, self.public = make_key(folder, "fleet")

    def bundle(self, name: str, kernel: np.ndarray, **changed: Any) -> Path:
        return write_bundle(self.folder / f"{name}.zip", kernel, **changed)

    def publish(self, bundle: Path, *more: object, code: int = 0) -> dict[str, Any]:
        return self.say("publish", bundle, "--key", self.key, *more, code=code)

    def say(self, *words: object, code: int = 0) -> dict[str, Any]:
        """`lighterage edge …`, in this process, which has the runtime loaded already."""
        said = CliRunner().invoke(cli, ["edge", *map(str, words), "--store", str(self.folder / "store"), "-o", "json"])
        assert said.exit_code == code, said.output
        return json.loads(said.stdout) if code == 0 else {"error": said.stderr}

    def device(self, name: str = "device", **more: Any) -> Updates:
        return Updates(self.folder / name, self.site.url, **{"target": "cpu", "keys": [self.public]} | more)

    def file(self, digest: str) -> Path:
        return self.site.folder / "files" / digest.removeprefix("sha256:")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with serving(tmp_path / "store" / "fleet" / "tiny") as site:
        yield Fleet(tmp_path, site)


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """As openssl does."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def refused(kind: str, do: Callable[[], Any]) -> UpdateError:
    with pytest.raises(UpdateError) as caught:
        do()
    assert caught.value.kind == kind, caught.value
    return caught.value


def answers(bundle: Bundle) -> np.ndarray:
    return np.stack([one.outputs for one in bundle.predict(ROWS)])


# --- the usual way ---


def test_from_nothing_to_the_first_bundle_and_by_a_patch_to_the_next(fleet: Fleet) -> None:
    old, new = fleet.bundle("old", weights(0)), fleet.bundle("new", nudged(weights(0)))
    fleet.publish(old)
    device = fleet.device()
    first = device.update()
    assert first is not None and first.release.number == 1 and first.signed_by
    assert device.current is not None and device.current.read_bytes() == old.read_bytes()
    assert device.update() is None

    said = fleet.publish(new)
    fleet.site.asked.clear()
    assert device.update() is not None
    assert device.current.read_bytes() == new.read_bytes()
    assert [path for path, _ in fleet.site.asked] == ["/stable.json", f"/files/{said['deltas'][0]['digest'][7:]}"]
    assert said["deltas"][0]["size"] < new.stat().st_size / 2
    assert np.array_equal(answers(device.load()), answers(Bundle.load(new)))
    assert (fleet.folder / "device" / "current").resolve() == device.current.resolve()
    assert (fleet.folder / "device" / "previous").read_bytes() == old.read_bytes()


def nudged(kernel: np.ndarray) -> np.ndarray:
    """Trained a little more: one class's weights are others."""
    changed = kernel.copy()
    changed[0] += 0.1
    return changed


def test_patches_are_small_where_little_changed_and_are_not_kept_where_they_save_nothing(fleet: Fleet) -> None:
    old = fleet.bundle("old", weights(0))
    names = [f"sort {number}" for number in range(CLASSES)]
    label, same = fleet.bundle("label", weights(0), classes=names), fleet.bundle("same", weights(0), rate_hz=50.0)
    again = fleet.bundle("again", weights(1))
    fleet.publish(old)
    for bundle, most in ((label, 0.3), (same, 0.2)):
        (delta,) = fleet.publish(bundle, "--channel", bundle.stem, "--from", old)["deltas"]
        assert delta["base"] == digest_of(old.read_bytes()) and delta["size"] < most * bundle.stat().st_size
        patch = fleet.file(delta["digest"]).read_bytes()
        assert apply_delta(old.read_bytes(), patch, bundle.stat().st_size) == bundle.read_bytes()
    patches = fleet.publish(again)["deltas"]
    assert all(one["size"] < again.stat().st_size for one in patches)


def test_devices_of_several_ages_each_find_their_patch(fleet: Fleet) -> None:
    versions = [fleet.bundle(f"v{number}", nudged(weights(0)) * (1 + number)) for number in range(3)]
    for age in (0, 1):
        fleet.publish(versions[age])
        fleet.device(f"age {age}").update()
    fleet.publish(versions[2], "--from", versions[0])
    for age in (0, 1):
        device = fleet.device(f"age {age}")
        device.update()
        assert device.current is not None and device.current.read_bytes() == versions[2].read_bytes()


def test_a_folder_is_a_source_too_and_the_device_has_a_command(fleet: Fleet) -> None:
    """Both sides as their users have them, each in a process of its own."""
    bundle = fleet.bundle("one", weights(0))
    told = Project(fleet.folder).call("edge", "publish", str(bundle), "--key", str(fleet.key), "--store", "store")
    assert "cpu" in told.stdout and "/store/fleet/tiny has it" in told.stderr

    def say(action: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lighterage.edge", action, "device", "--source", str(fleet.site.folder), *more]
        return subprocess.run(command, cwd=fleet.folder, capture_output=True, text=True, check=False)

    done = say("update", "--key", str(fleet.public), "--target", "cpu")
    told = json.loads(done.stdout)
    assert (
        done.returncode == 0
        and told["checks_signatures"]
        and told["current"]["digest"] == digest_of(bundle.read_bytes())
    )
    assert say("update", "--target", "micro").returncode == 1
    assert "no key is configured: signatures of releases are not checked" in say("status").stderr


# --- channels ---


def test_from_beta_to_stable_and_back(fleet: Fleet) -> None:
    one, two = fleet.bundle("one", weights(0)), fleet.bundle("two", nudged(weights(0)))
    fleet.publish(one)
    device, tester = fleet.device(), fleet.device("tester", channel="beta")
    device.update()
    fleet.publish(two, "--channel", "beta")
    tester.update()
    assert device.update() is None and tester.load()

    promoted = fleet.say("channel", "promote", "tiny", "--key", fleet.key)
    assert (promoted["number"], promoted["previous"], promoted["channel"]) == (3, 1, "stable")
    assert device.update() is not None and device.current is not None
    assert device.current.read_bytes() == two.read_bytes()

    back = fleet.say("channel", "rollback", "tiny", "--key", fleet.key)
    assert back["number"] == 4 and device.update() is not None
    assert device.current.read_bytes() == one.read_bytes()
    shown = fleet.say("channel", "show", "tiny")
    assert {channel: found["number"] for channel, found in shown.items()} == {"beta": 2, "stable": 4}
    assert "no release before" in fleet.say("channel", "rollback", "tiny", "--key", fleet.key, code=2)["error"]


def test_what_others_wrote_into_the_store_is_not_signed_anew(fleet: Fleet) -> None:
    stranger, _ = make_key(fleet.folder, "stranger")
    fleet.publish(fleet.bundle("one", weights(0)), "--channel", "beta", "--key", stranger)
    assert "[wrong-signature]" in fleet.say("channel", "promote", "tiny", "--key", fleet.key, code=2)["error"]


def test_what_would_harm_the_fleet_is_not_published(fleet: Fleet) -> None:
    fleet.publish(fleet.bundle("one", weights(0)))
    wrong = fleet.bundle("wrong", weights(1), golden=0.5)
    micro = fleet.bundle("micro", weights(1), target={"profile": "micro", "checked": "run"})
    assert "[failed-verification]" in fleet.publish(wrong, code=2)["error"]
    assert "--name tiny-micro" in fleet.publish(micro, code=2)["error"]
    unsigned = fleet.say("publish", fleet.bundle("two", weights(1)), code=2)["error"]
    assert "give --key" in unsigned
    assert fleet.say("channel", "show", "tiny")["stable"]["number"] == 1


# --- what must not get in ---


def test_signatures(fleet: Fleet) -> None:
    _, public = make_key(fleet.folder, "stranger")
    fleet.publish(fleet.bundle("one", weights(0)))
    refused("wrong-signature", fleet.device(keys=[public]).update)
    assert fleet.device("both", keys=[public, fleet.public]).update() is not None

    channel = fleet.site.folder / "stable.json"
    envelope = json.loads(channel.read_text())
    channel.write_text(json.dumps(envelope | {"signatures": []}))
    refused("not-signed", fleet.device().update)
    payload = json.loads(base64.b64decode(envelope["payload"]))
    forged = base64.b64encode(json.dumps(payload | {"number": 9}).encode()).decode()
    channel.write_text(json.dumps(envelope | {"payload": forged}))
    refused("wrong-signature", fleet.device().update)
    assert fleet.device().status()["seen"] == 0
    refused("bad-key", lambda: fleet.device(keys=[fleet.key]))  # the private half has no business on a device


def test_the_signed_bytes_are_those_of_the_standard() -> None:
    """The vector of DSSE's protocol.md."""
    message = encoded("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_without_a_key_it_says_that_nobody_looked(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    fleet.say("publish", fleet.bundle("one", weights(0)))
    device = fleet.device(keys=[])
    offer = device.update()
    assert offer is not None and offer.signed_by is None and not device.status()["checks_signatures"]
    assert "signatures of releases are not checked" in caplog.text


def test_a_replayed_release_is_refused_and_a_downgrade_is_asked_for(fleet: Fleet) -> None:
    one, two = fleet.bundle("one", weights(0)), fleet.bundle("two", weights(1))
    fleet.publish(one)
    replayed = (fleet.site.folder / "stable.json").read_bytes()
    fleet.publish(two)
    device = fleet.device()
    device.check()  # to have seen it is enough
    (fleet.site.folder / "stable.json").write_bytes(replayed)
    refused("older-release", device.update)
    assert device.update(downgrade=True) is not None
    assert device.current is not None and device.current.read_bytes() == one.read_bytes()


def test_another_target_another_bundle_another_channel(fleet: Fleet) -> None:
    fleet.publish(fleet.bundle("one", weights(0)))
    refused("other-target", fleet.device(target="micro").update)
    refused("other-bundle", fleet.device(bundle="motion").update)
    shutil.copyfile(fleet.site.folder / "stable.json", fleet.site.folder / "beta.json")
    refused("other-bundle", fleet.device(channel="beta").update)
    assert not (fleet.folder / "device" / "bundles").exists()


def test_a_flipped_byte_and_a_cut_download(fleet: Fleet) -> None:
    bundle = fleet.bundle("one", weights(0))
    said = fleet.publish(bundle)
    file = fleet.file(said["digest"])
    file.chmod(0o644)
    file.write_bytes(flipped(bundle.read_bytes()))
    refused("damaged-download", fleet.device().update)
    file.write_bytes(bundle.read_bytes())
    fleet.site.cut = {said["size"]}
    refused("damaged-download", fleet.device().update)
    fleet.site.cut = set()
    assert fleet.device().update() is not None


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("harm", ["flipped", "cut", "of another base"])
def test_a_patch_that_is_of_no_use_is_replaced_by_the_whole_bundle(fleet: Fleet, harm: str) -> None:
    old, new = fleet.bundle("old", weights(0)), fleet.bundle("new", nudged(weights(0)))
    fleet.publish(old)
    device = fleet.device()
    device.update()
    delta = fleet.publish(new)["deltas"][0]
    if harm == "cut":
        fleet.site.cut = {delta["size"]}
    elif harm == "flipped":
        file = fleet.file(delta["digest"])
        file.chmod(0o644)
        file.write_bytes(flipped(file.read_bytes()))
    else:
        installed = fleet.folder / "device" / "bundles" / f"{digest_of(old.read_bytes())[7:]}.zip"
        installed.write_bytes(flipped(old.read_bytes()))
    device.update()
    assert device.current is not None and device.current.read_bytes() == new.read_bytes()


def test_a_patch_makes_other_bytes_of_another_base_and_none_of_nonsense() -> None:
    bsdiff4 = pytest.importorskip("bsdiff4", reason="bsdiff4 makes patches")
    random = np.random.default_rng(0)
    old, other, new = (random.bytes(5000) for _ in range(3))
    new = old[:2000] + new[:100] + old[1500:]
    patch = bsdiff4.diff(old, new)
    assert apply_delta(old, patch, len(new)) == new
    assert apply_delta(other, patch, len(new)) != new
    for broken in (b"", b"PK\3\4", patch[:40], patch[:-30], flipped(patch)):
        refused("damaged-download", lambda broken=broken: apply_delta(old, broken, len(new)))
    refused("damaged-download", lambda: apply_delta(old, patch, len(new) + 1))


def test_a_bundle_that_computes_something_else_here_does_not_get_in(fleet: Fleet) -> None:
    """It got past the publisher: as a machine does that computes otherwise."""
    good, bad = fleet.bundle("good", weights(0)), fleet.bundle("bad", weights(0), golden=0.01)
    fleet.publish(good)
    device = fleet.device()
    device.update()
    smuggle(fleet, bad)
    error = refused("failed-trial", device.update)
    assert "golden outputs differ" in str(error)
    assert device.current is not None and device.current.read_bytes() == good.read_bytes()
    assert device.update() is None  # not tried again with every check
    assert len(list((fleet.folder / "device" / "bundles").iterdir())) == 1

    fleet.publish(fleet.bundle("better", weights(2)))
    assert device.update() is not None


def smuggle(fleet: Fleet, bundle: Path) -> None:
    """Publishes without looking."""
    from lighterage.edge.release import Release, seal
    from lighterage.edge.signing import read_private_key

    content = bundle.read_bytes()
    release = Release("tiny", "stable", 2, "now", digest_of(content), len(content), "cpu", 1, ())
    fleet.file(release.digest).write_bytes(content)
    sealed = seal(release, read_private_key(fleet.key))
    (fleet.site.folder / "releases" / "000002.json").write_bytes(sealed)
    (fleet.site.folder / "stable.json").write_bytes(sealed)


# --- going back ---


def test_rolling_back_by_hand_holds_until_something_newer_comes(fleet: Fleet) -> None:
    bundles = [fleet.bundle(str(number), weights(number)) for number in range(3)]
    device = fleet.device()
    for bundle in bundles[:2]:
        fleet.publish(bundle)
        device.update()
    device.rollback()
    assert device.current is not None and device.current.read_bytes() == bundles[0].read_bytes()
    assert device.update() is None
    refused("nothing-installed", device.rollback)
    fleet.publish(bundles[2])
    device.update()
    assert device.current.read_bytes() == bundles[2].read_bytes()


def test_what_is_spoilt_on_the_disk_is_rolled_back_when_it_is_loaded(fleet: Fleet) -> None:
    device = fleet.device()
    for number in range(2):
        fleet.publish(fleet.bundle(str(number), weights(number)))
        device.update()
    assert device.current is not None
    device.current.write_bytes(flipped(device.current.read_bytes()))
    loaded = device.load()
    assert np.array_equal(answers(loaded), answers(Bundle.load(fleet.folder / "0.zip")))
    assert device.status()["current"]["release"] == 1


# --- killed, full, slow, led astray ---

CHANGES = {"open", "os.rename", "os.remove", "os.symlink", "os.mkdir"}


def killed_before(change: int, folder: Path, do: Callable[[], Any]) -> bool:
    """Whether a process that did it was killed: right before its change number ``change`` of the folder."""
    child = os.fork()
    if child == 0:
        left = [change]

        def look(event: str, details: tuple[Any, ...]) -> None:
            if event not in CHANGES or not any(str(one).startswith(str(folder)) for one in details[:2]):
                return
            if event == "open" and details[1] in ("r", "rb"):
                return
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

        sys.addaudithook(look)
        try:
            do()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.faults
def test_killed_before_each_change_of_the_disk(fleet: Fleet) -> None:
    """Old or new, never neither; and the next update ends what this one began."""
    bundles = [fleet.bundle(str(number), weights(number)) for number in range(3)]
    for bundle in bundles[:2]:
        fleet.publish(bundle)
        fleet.device("ready").update()
    fleet.publish(bundles[2])
    old, new = bundles[1].read_bytes(), bundles[2].read_bytes()
    found = []
    for change in range(1000):
        shutil.copytree(fleet.folder / "ready", fleet.folder / f"killed {change}", symlinks=True)
        device = fleet.device(f"killed {change}")
        if not killed_before(change, fleet.folder / f"killed {change}", device.update):
            break
        assert device.current is not None
        found.append(device.current.read_bytes())
        device.load()
        assert (fleet.folder / f"killed {change}" / "current").resolve().is_file()
        device.update()
        assert device.current.read_bytes() == new and device.previous is not None
        assert device.previous.read_bytes() == old
        device.rollback()
        assert device.current.read_bytes() == old
    assert len(found) > 15 and set(found) == {old, new}
    assert found == sorted(found, key=lambda content: content == new)  # there is one moment at which it changes


@pytest.mark.faults
def test_killed_while_rolling_back(fleet: Fleet) -> None:
    for number in range(2):
        fleet.publish(fleet.bundle(str(number), weights(number)))
        fleet.device("ready").update()
    for change in range(1000):
        shutil.copytree(fleet.folder / "ready", fleet.folder / f"killed {change}", symlinks=True)
        device = fleet.device(f"killed {change}")
        if not killed_before(change, fleet.folder / f"killed {change}", device.rollback):
            break
        device.load()
        if device.previous is not None:
            device.rollback()
        assert device.current is not None and device.current.read_bytes() == (fleet.folder / "0.zip").read_bytes()
    assert change > 4


@pytest.mark.faults
def test_a_bundle_that_kills_the_process_twice_is_not_tried_again(fleet: Fleet) -> None:
    fleet.publish(fleet.bundle("good", weights(0)))
    fleet.device().update()
    fleet.publish(fleet.bundle("deadly", weights(1)))
    for _ in range(2):
        assert dies_in_its_trial(fleet.device())
    assert "ended the process 2 times" in str(refused("failed-trial", fleet.device().update))
    assert fleet.device().update() is None and fleet.device().load()


def dies_in_its_trial(device: Updates) -> bool:
    """As where the interpreter crashes, which is C++: the process ends when the bundle on trial is opened."""
    before = device.status()["trials"]
    child = os.fork()
    if child == 0:

        def look(event: str, details: tuple[Any, ...]) -> None:
            if event == "open" and str(details[0]).endswith(".zip") and device.status()["trials"] > before:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        try:
            device.update()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.faults
def test_a_full_disk(fleet: Fleet) -> None:
    old, new = fleet.bundle("old", weights(0)), fleet.bundle("new", weights(1))
    fleet.publish(old)
    device = fleet.device()
    device.update()
    fleet.publish(new)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        refused("failed-write", device.update)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert device.current is not None and device.current.read_bytes() == old.read_bytes()
    assert [file.suffix for file in (fleet.folder / "device" / "bundles").iterdir()] == [".zip"]
    device.update()
    assert device.current.read_bytes() == new.read_bytes()


def test_two_at_once(fleet: Fleet) -> None:
    fleet.publish(fleet.bundle("one", weights(0)))
    one, other = fleet.device(), fleet.device()
    with one._installed.alone():
        refused("busy", other.update)
    assert other.update() is not None


def test_sources_that_lead_elsewhere_or_are_not_there(fleet: Fleet) -> None:
    fleet.publish(fleet.bundle("one", weights(0)))
    for scheme in ("file://", "ftp://127.0.0.1"):
        fleet.site.leads_to = f"{scheme}{fleet.site.folder}"
        refused("unreachable", fleet.device().update)
    fleet.site.leads_to = ""
    refused("unreachable", fleet.device(channel="nightly").update)
    refused("unreachable", lambda: Updates(fleet.folder / "x", "ftp://models.example/fleet"))
    refused("unreachable", lambda: Updates(fleet.folder / "x", "https://me:secret@models.example/fleet"))
    (fleet.site.folder / "stable.json").write_bytes(b" " * 300_000)
    refused("damaged-download", fleet.device().update)
