"""A channel file: which bundle the devices of a channel should have. Written by `lighterage edge publish`, read by devices.

It is a DSSE envelope, so that content and signatures are one file and change together:
``{"payload": base64, "payloadType": …, "signatures": [{"keyid", "sig"}]}``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .content import MOST_BYTES as MOST_BUNDLE_BYTES
from .errors import UpdateError
from .signing import PrivateKey, PublicKey, encoded

FORMAT = "lighterage/channel/1"
PAYLOAD_TYPE = "application/vnd.lighterage.channel+json"
MOST_BYTES = 256 * 1024
"""of a channel file"""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""of a bundle's folder, and of a channel"""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Delta:
    """A patch (BSDIFF40) that makes a release's bundle of another one."""

    base: str
    """digest of the bundle that it is for"""
    digest: str
    """of the patch"""
    size: int
    """of the patch, bytes"""


@dataclass(frozen=True)
class Release:
    """One bundle on one channel."""

    bundle: str
    """name of the folder that channels and files lie in"""
    channel: str
    number: int
    """grows with every change of any channel of the bundle, a rollback too: a lower one is old"""
    published: str
    """when, UTC, for people: no device compares it with its clock"""
    digest: str
    """of the bundle's zip"""
    size: int
    """of the bundle's zip, bytes"""
    target: str
    """the profile that the bundle was proven for"""
    previous: int | None
    """the release that a rollback of this one goes back to"""
    deltas: tuple[Delta, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Offer:
    """A release, and who vouches for it."""

    release: Release
    signed_by: str | None
    """name of the trusted key; None: no key was configured, so nobody looked at signatures"""


def file_name(digest: str) -> str:
    """Where a bundle or patch of this digest lies, below the bundle's folder."""
    return f"files/{digest.removeprefix('sha256:')}"


def channel_name(channel: str) -> str:
    """Where a channel's file lies, below the bundle's folder."""
    return f"{channel}.json"


def seal(release: Release, key: PrivateKey | None) -> bytes:
    """The channel file, signed where there is a key."""
    payload = json.dumps({"format": FORMAT, **release.as_json()}, ensure_ascii=False, separators=(",", ":")).encode()
    signatures = [{"keyid": key.public.name, "sig": _text(key.sign(encoded(PAYLOAD_TYPE, payload)))}] if key else []
    envelope = {"payload": _text(payload), "payloadType": PAYLOAD_TYPE, "signatures": signatures}
    return json.dumps(envelope, indent=1).encode() + b"\n"


def unseal(content: bytes, trusted: Sequence[PublicKey] = ()) -> Offer:
    """What a channel file says. Raises UpdateError where it is none, or where keys are trusted and none of them signed it."""
    try:
        envelope = json.loads(content)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"]]
        kind = envelope["payloadType"]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise _no_channel(f"it is no signed envelope ({type(error).__name__})") from None
    if kind != PAYLOAD_TYPE:
        raise _no_channel(f"its payload is {kind!r}")
    message = encoded(PAYLOAD_TYPE, payload)
    signer = next((key.name for key in trusted if any(key.fits(one, message) for one in signatures)), None)
    if trusted and signer is None:
        raise _not_trusted(len(signatures), trusted)
    return Offer(_release(payload), signer)


def is_signed(content: bytes) -> bool:
    """Whether a channel file has signatures, whoever's."""
    return bool(json.loads(content).get("signatures"))


def _not_trusted(signatures: int, trusted: Sequence[PublicKey]) -> UpdateError:
    hint = "do not use it; or give the device the public key that goes with the publisher's"
    if not signatures:
        return UpdateError("not-signed", "the release is not signed, and a key is configured here", hint)
    names = ", ".join(key.name[:12] for key in trusted)
    return UpdateError("wrong-signature", f"no signature of the release is of a trusted key ({names})", hint)


def _release(payload: bytes) -> Release:
    try:
        data = json.loads(payload)
        if data.pop("format") != FORMAT:
            hint = "install the version of the library that goes with the channel"
            raise UpdateError("not-a-channel", f"this library reads the format {FORMAT!r} only", hint)
        release = Release(**{**data, "deltas": tuple(Delta(**one) for one in data["deltas"])})
        _check(release)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_channel(str(error)) from None
    return release


def _check(release: Release) -> None:
    """Raises ValueError and TypeError: some fields become names of files, and sizes are what downloads are bounded by."""
    for name in (release.bundle, release.channel):
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name")
    for digest in (release.digest, *(part for delta in release.deltas for part in (delta.base, delta.digest))):
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no digest")
    previous = () if release.previous is None else (release.previous,)
    for number in (release.number, release.size, *previous, *(delta.size for delta in release.deltas)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{number!r} is no number above 0")
    if max(release.size, *(delta.size for delta in release.deltas), 0) > MOST_BUNDLE_BYTES:
        raise ValueError(f"its files have over {MOST_BUNDLE_BYTES} bytes")
    if not isinstance(release.published, str) or not isinstance(release.target, str):
        raise ValueError("published and target are texts")


def _no_channel(why: str) -> UpdateError:
    return UpdateError("not-a-channel", f"this is no channel file: {why}", "give the folder that `edge publish` names")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
