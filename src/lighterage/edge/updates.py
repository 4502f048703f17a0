"""Brings a device from one bundle to the next, and back: check, fetch, activate; rollback.

    updates = Updates("/var/lib/motion", "https://models.example/fleet/motion", target="cpu", keys=["fleet.pub"])
    updates.update()            # from a timer; raises UpdateError, and what was in use stays
    bundle = updates.load()     # what to predict with; the one before where the current one is not sound

The new bundle is used when its channel file is signed by a trusted key, is for this target and is no older than what was
seen, when its bytes have the digest that stands there, and when its golden inputs give its golden outputs here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .bundle import Bundle
from .delta import apply_delta
from .errors import BundleError, UpdateError
from .installed import Installed, Slot, State, digest_of
from .release import MOST_BYTES, NAME, Delta, Offer, channel_name, file_name, unseal
from .signing import read_public_key
from .source import Source, open_source

MOST_TRIALS = 2
"""of one release: a trial that ends the process twice is a trial that failed"""

log = logging.getLogger(__name__)


class Updates:
    """The bundles in a folder of this device, and the channel that they come from."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        source: str,
        *,
        channel: str = "stable",
        bundle: str | None = None,
        target: str | None = None,
        keys: Iterable[str | os.PathLike[str]] = (),
        timeout: float = 30.0,
    ) -> None:
        """``source``: folder or http(s) URL that holds the channels' files. ``bundle``: its name there; by default the first
        that is installed. ``keys``: files of trusted public keys; without one signatures are not checked, which is logged.

        Raises UpdateError.
        """
        if not NAME.fullmatch(channel):
            raise UpdateError("not-a-channel", f"{channel!r} is no channel's name", "give one such as stable")
        self.channel, self.target = channel, target
        self._bundle = bundle
        self._keys = [read_public_key(key) for key in keys]
        self._source: Source = open_source(source, timeout=timeout)
        self._installed = Installed(Path(folder))
        if not self._keys:
            log.warning("no key is configured: signatures of releases are not checked")

    @property
    def current(self) -> Path | None:
        """The zip in use."""
        return self._path(self._installed.state().current)

    @property
    def previous(self) -> Path | None:
        """The zip before it."""
        return self._path(self._installed.state().previous)

    def status(self) -> dict[str, Any]:
        """What there is to know, as data for JSON."""
        return {"channel": self.channel, "checks_signatures": bool(self._keys), **asdict(self._installed.state())}

    def check(self, *, downgrade: bool = False) -> Offer | None:
        """What the channel has that is not in use here; None when there is nothing, or nothing but what failed here.

        ``downgrade`` takes a release with a lower number than was seen, as on the way from beta to stable.
        Raises UpdateError.
        """
        offer = unseal(self._source.read(channel_name(self.channel), MOST_BYTES), self._keys)
        with self._installed.alone():
            state = self._installed.state()
            self._belongs(offer, state)
            number = offer.release.number
            if number < state.seen and not downgrade:
                what = f"the channel offers release {number}, but {state.seen} was offered before"
                raise UpdateError("older-release", what, "somebody replays an old one; or ask for it: downgrade")
            if number > state.seen:
                self._installed.save(state := replace(state, seen=number))
        in_use = state.current is not None and state.current.digest == offer.release.digest
        held_back = number <= state.refused and not downgrade
        return None if in_use or held_back else offer

    def fetch(self, offer: Offer) -> Path:
        """The release's zip, in the folder: a patch of what is here where there is one, else as a whole.

        Raises UpdateError; then nothing has changed.
        """
        release = offer.release
        with self._installed.alone():
            if not self._installed.holds(release.digest):
                content = self._patched(offer) or self._whole(release.digest, release.size)
                self._installed.keep(release.digest, content)
        return self._installed.bundle(release.digest)

    def activate(self, offer: Offer) -> Path:
        """Puts a fetched release to use once its golden inputs give the golden outputs here.

        Raises UpdateError where they do not; then the release is remembered as refused and what was in use stays.
        """
        release = offer.release
        with self._installed.alone():
            state = self._installed.state()
            if not self._installed.holds(release.digest):
                raise UpdateError("damaged-download", f"release {release.number} is not here whole", "fetch it")
            self._try(offer, state)
            slot = Slot(release.digest, release.number, release.channel, offer.signed_by)
            previous = state.previous if state.current and state.current.digest == release.digest else state.current
            seen = release.number  # also where that is less: the downgrade was asked for
            self._installed.save(State(release.bundle, slot, previous, seen, min(state.refused, seen - 1)))
            self._installed.tidy()
        return self._installed.bundle(release.digest)

    def update(self, *, downgrade: bool = False) -> Offer | None:
        """check, fetch and activate: the release that is in use now; None when nothing was new. Raises UpdateError."""
        offer = self.check(downgrade=downgrade)
        if offer is not None:
            self.fetch(offer)
            self.activate(offer)
        return offer

    def rollback(self) -> Path:
        """Back to the previous bundle, once it is sound; what was in use is not offered again. Raises UpdateError."""
        with self._installed.alone():
            state = self._installed.state()
            if state.current is None or state.previous is None:
                raise UpdateError("nothing-installed", "there is no previous bundle", "publish the one to go back to")
            try:
                self._open(state.previous.digest)
            except BundleError as error:
                raise UpdateError(
                    "failed-trial", f"the previous bundle is not sound: {error}", "update instead"
                ) from None
            refused = max(state.refused, state.current.release)
            self._installed.save(replace(state, current=state.previous, previous=None, refused=refused))
            self._installed.tidy()
        return self._installed.bundle(state.previous.digest)

    def load(self, **options: Any) -> Bundle:
        """The bundle in use, verified; the previous one, rolled back to, where it is not sound. Options as of `Bundle.load`.

        Raises UpdateError where nothing is installed, and BundleError where neither is sound.
        """
        state = self._installed.state()
        if state.current is None:
            raise UpdateError("nothing-installed", f"{self._installed.folder} has no bundle yet", "update() first")
        try:
            return self._open(state.current.digest, **options)
        except BundleError as error:
            if error.kind == "no-runtime" or state.previous is None:
                raise
            log.error("release %d is not sound, back to %d: %s", state.current.release, state.previous.release, error)
            return self._open(self.rollback().stem, **options)

    def _path(self, slot: Slot | None) -> Path | None:
        return self._installed.bundle(slot.digest) if slot else None

    def _belongs(self, offer: Offer, state: State) -> None:
        release, wanted = offer.release, self._bundle or state.bundle
        if wanted not in (None, release.bundle) or release.channel != self.channel:
            what = f"the source has {release.bundle} {release.channel}, not {wanted or 'any'} {self.channel}"
            raise UpdateError("other-bundle", what, "give the folder of this device's bundle")
        if self.target is not None and release.target != self.target:
            what = f"release {release.number} is for {release.target}, this device is {self.target}"
            raise UpdateError("other-target", what, "publish bundles of each target in a folder of their own")

    def _whole(self, digest: str, size: int) -> bytes:
        content = self._source.read(file_name(digest), size)
        if len(content) != size or digest_of(content) != digest:
            what = (
                f"{len(content)} of {size} bytes came"
                if len(content) != size
                else f"{digest[:19]}… came with other bytes"
            )
            raise UpdateError("damaged-download", what, "fetch it again")
        return content

    def _patched(self, offer: Offer) -> bytes | None:
        """The bundle made of one that is here; None where there is no patch for it, or one that does not do."""
        for delta in offer.release.deltas:
            old = self._installed.read(delta.base)
            if old is not None:
                try:
                    return self._apply(old, delta, offer)
                except UpdateError as error:
                    log.warning("the patch for release %d is of no use: %s", offer.release.number, error)
        return None

    def _apply(self, old: bytes, delta: Delta, offer: Offer) -> bytes:
        new = apply_delta(old, self._whole(delta.digest, delta.size), offer.release.size)
        if digest_of(new) != offer.release.digest:
            raise UpdateError("damaged-download", "it makes another bundle", "fetch the whole bundle instead")
        return new

    def _try(self, offer: Offer, state: State) -> None:
        """The trial is written down before it begins, so that one which kills the process is not repeated for ever."""
        release = offer.release
        trials = state.trials if state.trying == release.number else 0
        refused = replace(state, refused=max(state.refused, release.number), trying=0, trials=0)
        hint = "the bundle in use stays; publish another one"
        if trials >= MOST_TRIALS:
            self._installed.save(refused)
            what = f"release {release.number} ended the process {trials} times while it was tried"
            raise UpdateError("failed-trial", what, hint)
        self._installed.save(replace(state, trying=release.number, trials=trials + 1))
        try:
            self._open(release.digest)
        except BundleError as error:
            if error.kind == "no-runtime":
                raise
            self._installed.save(refused)
            self._installed.tidy()
            raise UpdateError("failed-trial", f"release {release.number} is not fit: {error}", hint) from None

    def _open(self, digest: str, **options: Any) -> Bundle:
        bundle = Bundle.load(self._installed.bundle(digest), target=self.target, **options)
        bundle.verify().check()
        return bundle
