"""A fleet's folder in a store: bundles, patches, releases and channels. Files come first, the channel's file last.

fleet/<bundle>/files/<digest>            bundles and patches
fleet/<bundle>/releases/<number>.json    every release that was made, as the channel's file was then
fleet/<bundle>/<channel>.json            what the devices of a channel should have
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..diagnostics import Missing
from ..edge import Bundle
from ..edge.installed import digest_of
from ..edge.release import Delta, Release, channel_name, file_name, is_signed, seal, unseal
from ..edge.signing import PrivateKey, PublicKey
from ..storing import Store


class Unfit(Exception):
    """What was asked for would harm the fleet, or makes no sense; the message says what to do."""


class Fleet:
    """The releases of one bundle. ``key`` signs what is made; ``trusted`` are keys whose releases may be signed anew."""

    def __init__(
        self, store: Store, name: str, key: PrivateKey | None = None, trusted: Iterable[PublicKey] = ()
    ) -> None:
        self.name, self._backend, self._key = name, store.backend, key
        self._trusted: Sequence[PublicKey] = (*((key.public,) if key else ()), *trusted)

    def channels(self) -> dict[str, Release]:
        """What each channel has."""
        folder = f"fleet/{self.name}"
        names = (key.removeprefix(f"{folder}/") for key in self._backend.list(folder))
        found = sorted(name.removesuffix(".json") for name in names if "/" not in name)
        return {channel: one for channel in found if (one := self.current(channel))}

    def current(self, channel: str) -> Release | None:
        content = self._find(channel_name(channel))
        return unseal(content).release if content else None

    def publish(self, bundle: Path, channel: str, older: Iterable[Path]) -> Release:
        """Puts a bundle on a channel, with patches from the one it has and from ``older`` ones. Raises Unfit."""
        content = bundle.read_bytes()
        loaded = Bundle.load(bundle)
        loaded.verify().check()
        target, now = loaded.target.profile, self.current(channel)
        if now and now.target != target:
            raise Unfit(
                f"{self.name} {channel} is for {now.target}, this bundle for {target}: "
                f"give each target a folder of its own, such as --name {self.name}-{target}"
            )
        bases = {digest_of(old): old for old in (path.read_bytes() for path in older)}
        return self._release(channel, digest_of(content), content, target, bases, now.number if now else None)

    def promote(self, source: str, to: str) -> Release:
        """Puts what one channel has on another. Raises Unfit."""
        release = self._trusted_release(channel_name(source), f"there is no channel {source!r}")
        now = self.current(to)
        if now and now.digest == release.digest:
            raise Unfit(f"{to} has the bundle of {source} already, as release {now.number}")
        return self._again(release, to, now.number if now else None)

    def rollback(self, channel: str, number: int | None) -> Release:
        """Puts what a channel had before, or had as release ``number``, there again: as a new release. Raises Unfit."""
        now = self.current(channel)
        if now is None:
            raise Unfit(f"there is no channel {channel!r}")
        if (number := number or now.previous) is None:
            raise Unfit(f"{channel} has had no release before {now.number}")
        release = self._trusted_release(_log_name(number), f"there is no release {number}")
        return self._again(release, channel, release.previous)

    def _again(self, release: Release, channel: str, previous: int | None) -> Release:
        content = self._file(release.digest)
        if content is None:
            raise Unfit(f"the bundle of release {release.number} is not in the store any more, or damaged: publish it")
        bases = {one.base: old for one in release.deltas if (old := self._file(one.base))}
        return self._release(channel, release.digest, content, release.target, bases, previous)

    def _release(
        self, channel: str, digest: str, content: bytes, target: str, bases: dict[str, bytes], previous: int | None
    ) -> Release:
        now = self.current(channel)
        if now and (old := self._file(now.digest)):
            bases = {now.digest: old, **bases}
        if now and self._key is None and is_signed(self._find(channel_name(channel)) or b"{}"):
            raise Unfit(f"{channel} is signed, and devices that know its key would refuse what is not: give --key")
        self._put(digest, content)
        deltas = tuple(self._delta(base, old, content) for base, old in bases.items() if base != digest)
        deltas = tuple(one for one in deltas if one.size < len(content))
        published = datetime.now(UTC).isoformat(timespec="seconds")
        draft = Release(self.name, channel, 1, published, digest, len(content), target, previous, deltas)
        release, sealed = self._numbered(draft)
        now = self.current(channel)
        if now and now.number > release.number:
            raise Unfit(
                f"somebody put release {now.number} on {channel} meanwhile: publish again if yours is to follow it"
            )
        self._backend.replace(self._key_of(channel_name(channel)), sealed)
        return release

    def _numbered(self, draft: Release) -> tuple[Release, bytes]:
        """The release under the next number, which nobody else gets."""
        taken = [
            int(Path(key).stem) for key in self._backend.list(self._key_of("releases")) if Path(key).stem.isdigit()
        ]
        number = max(taken, default=0)
        while True:
            number += 1
            release = replace(draft, number=number)
            sealed = seal(release, self._key)
            if self._backend.create(self._key_of(_log_name(number)), sealed):
                return release, sealed

    def _trusted_release(self, name: str, missing: str) -> Release:
        """What is to be signed anew must have been signed by somebody trusted: a store may be written by others."""
        content = self._find(name)
        if content is None:
            raise Unfit(missing)
        return unseal(content, self._trusted).release

    def _delta(self, base: str, old: bytes, new: bytes) -> Delta:
        try:
            import bsdiff4
        except ImportError as error:
            raise Missing(f"{error}; pip install 'lighterage[fleet]'") from None
        patch: bytes = bsdiff4.diff(old, new)
        digest = digest_of(patch)
        self._put(digest, patch)
        return Delta(base, digest, len(patch))

    def _put(self, digest: str, content: bytes) -> None:
        key = self._key_of(file_name(digest))
        if not self._backend.create(key, content) and self._file(digest) is None:
            self._backend.replace(key, content)

    def _file(self, digest: str) -> bytes | None:
        """The file's bytes; None where it is not there, or has others."""
        content = self._find(file_name(digest))
        return content if content is not None and digest_of(content) == digest else None

    def _find(self, name: str) -> bytes | None:
        try:
            return self._backend.read(self._key_of(name))
        except FileNotFoundError:
            return None

    def _key_of(self, name: str) -> str:
        return f"fleet/{self.name}/{name}"


def _log_name(number: int) -> str:
    return f"releases/{number:06d}.json"
