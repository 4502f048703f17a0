"""Signatures of channel files: Ed25519 keys in PEM files, as OpenSSL writes them, over DSSE's encoding of the bytes.

    openssl genpkey -algorithm ed25519 -out fleet.pem      # stays with whoever publishes
    openssl pkey -in fleet.pem -pubout -out fleet.pub      # goes to every device

The arithmetic is `cryptography`'s, which is imported only where a key is configured.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UpdateError

MAKE_ONE = "make one with `openssl genpkey -algorithm ed25519`, its public half with `openssl pkey -pubout`"
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class PublicKey:
    """What a device trusts."""

    name: str
    """sha256 of the key's DER form, hexadecimal"""
    fits: Callable[[bytes, bytes], bool]
    """whether a signature is this key's, of a message"""


@dataclass(frozen=True)
class PrivateKey:
    """What whoever publishes signs with."""

    public: PublicKey
    """its other half"""
    sign: Callable[[bytes], bytes]


def encoded(kind: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, github.com/secure-systems-lab/dsse/blob/master/protocol.md."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def read_public_key(path: str | os.PathLike[str]) -> PublicKey:
    """From a PEM file. Raises UpdateError."""
    serialization, ed25519, errors = _cryptography()
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise UpdateError(
            "bad-key", f"{path} holds a private key", "give the public half, and keep the other one off devices"
        )
    try:
        key = serialization.load_pem_public_key(content)
    except errors as error:
        raise UpdateError("bad-key", f"{path} holds no public key in PEM form: {error}", MAKE_ONE) from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UpdateError("bad-key", f"{path} holds a key, but not one of Ed25519", MAKE_ONE)
    return _public(key)


def read_private_key(path: str | os.PathLike[str]) -> PrivateKey:
    """From a PEM file without a password. Raises UpdateError."""
    serialization, ed25519, errors = _cryptography()
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except errors as error:
        raise UpdateError("bad-key", f"{path} holds no private key that can be read: {error}", MAKE_ONE) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UpdateError("bad-key", f"{path} holds a key, but not one of Ed25519", MAKE_ONE)
    return PrivateKey(_public(key.public_key()), key.sign)


def _public(key: Any) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    name = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return PublicKey(name, lambda signature, message: _fits(key, signature, message))


def _fits(key: Any, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise UpdateError("bad-key", f"{path} cannot be read: {error.strerror}", "give the key's file") from None


def _cryptography() -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """Its reader, its Ed25519, and what the reader raises."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        what = f"a key is given, but signatures cannot be checked or made: {error}"
        raise UpdateError("no-cryptography", what, "pip install cryptography") from None
    return serialization, ed25519, (ValueError, TypeError, UnsupportedAlgorithm)
