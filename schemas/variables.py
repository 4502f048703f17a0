"""Environment variables of pods. A secret is referred to and never written: environments are committed and printed."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from .shape import Shape

ObjectName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$",
        description="a Kubernetes object's name: lower-case letters, digits, '-' and '.', at most 253",
    ),
]

VariableName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,252}$", description="letters, digits and '_', no digit first")
]


class SecretKey(Shape):
    """A value that a Kubernetes Secret holds."""

    secret: ObjectName
    """name of the Secret, in the site's namespace"""
    key: Annotated[str, Field(pattern=r"^[-._A-Za-z0-9]{1,253}$", description="letters, digits, '-', '_' and '.'")]
    """which of its entries"""


_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE|(ACCESS|ACCOUNT|API|SHARED|SAS)_?KEY|CONNECTION_STRING"
)
_NAMES_A_PLACE = re.compile(r"(_FILE|_PATH|_DIR|_URI|_URL|^GOOGLE_APPLICATION_CREDENTIALS)$")
_SECRET_VALUE = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS's key ids
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bAccountKey="  # Azure's connection strings
    r"|\b(?:gh[opsu]_|github_pat_|glpat-|xox[abp]-|hf_)\w{10}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."  # JSON Web Tokens
    r"|://[^/@\s]*:[^/@\s]+@"  # a URL with a password
)
_LONG_WORD = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/_=-]{32,}")
"""what AWS's secret keys and other random text in base64 look like"""


def looks_secret(name: str, value: str) -> bool:
    """Whether a plain value is probably a password or a key, by its variable's name or by its own form."""
    if value and _SECRET_NAME.search(name.upper()) and not _NAMES_A_PLACE.search(name.upper()):
        return True
    return is_secret(value) or (not value.startswith("/") and bool(_LONG_WORD.fullmatch(value)))


def is_secret(text: str) -> bool:
    """Whether a text has the form of a key or token, or of a URL with a password in it."""
    return bool(_SECRET_VALUE.search(text))


def _without_secrets(variables: dict[str, str | SecretKey]) -> dict[str, str | SecretKey]:
    for name, value in variables.items():
        if isinstance(value, str) and looks_secret(name, value):
            raise PydanticCustomError(
                "secret_value",
                "{name} looks like a secret, which no file may hold: name a Kubernetes Secret, {secret: …, key: …}",
                {"name": name},
            )
    return variables


Variables = Annotated[dict[VariableName, str | SecretKey], AfterValidator(_without_secrets)]
"""name -> a plain value, or where a secret one is"""
