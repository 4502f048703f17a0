"""What can be wrong with a bundle, and with what is given to it."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "not-a-bundle",
    "unsafe-archive",
    "unknown-format",
    "missing-file",
    "damaged-file",
    "wrong-manifest",
    "wrong-labels",
    "wrong-target",
    "wrong-wiring",
    "unfit-model",
    "no-runtime",
    "failed-run",
    "failed-verification",
]
"""The name of a mistake, the same in every version: for logs, and for programs that decide by it."""


class BundleError(Exception):
    """The bundle cannot be used. ``kind`` names the mistake, ``what`` says where it is, ``hint`` what to do."""

    def __init__(self, kind: Kind, what: str, hint: str) -> None:
        super().__init__(f"{what}; {hint}")
        self.kind: Kind = kind
        self.what = what
        self.hint = hint


def no_runtime(error: ImportError) -> BundleError:
    """What to raise where ai-edge-litert is not installed, or not for this machine."""
    return BundleError("no-runtime", f"LiteRT cannot be imported: {error}", "pip install 'ai-edge-litert>=2.1'")


class InputError(ValueError):
    """What was given does not fit the bundle: shape, type, rate, or values that are not finite."""


UpdateKind = Literal[
    "unreachable",
    "not-a-channel",
    "not-signed",
    "wrong-signature",
    "bad-key",
    "no-cryptography",
    "other-bundle",
    "other-target",
    "older-release",
    "damaged-download",
    "failed-trial",
    "failed-write",
    "busy",
    "nothing-installed",
]


class UpdateError(Exception):
    """The bundle was not exchanged, and the one in use stays. ``kind`` names why, ``hint`` says what to do."""

    def __init__(self, kind: UpdateKind, what: str, hint: str) -> None:
        super().__init__(f"{what}; {hint}")
        self.kind: UpdateKind = kind
        self.what = what
        self.hint = hint
