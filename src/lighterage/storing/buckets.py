"""From a bucket's URL to a client of it: which library, which server, which identity.

Credentials are the ambient identity's: standard variables, an instance's or workload's. Nothing of them is kept, shown
or recorded here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..schemas.url import BadUrl, Location, checked_endpoint
from .client import Client, Patience
from .errors import MissingLibrary, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import AzureStore, S3Store

EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure", "abfs": "azure"}
_MANY = 10
_UNSIGNED = {"unsigned_payload": True}
"""S3 clients sign a digest of each request's payload, for which they read it once more. A large file is an object that is
named by its digest and held against it whenever it is read, or a log; so its requests are signed, and its bytes are not."""


def client_of(place: Location, patience: Patience) -> Client:
    """A client of the bucket that ``place`` names. Raises MissingLibrary, and StoreError for settings that are wrong."""
    try:
        if place.protocol == "gs":
            from .google import google_client

            return google_client(place.container, _endpoint("STORAGE_EMULATOR_HOST"), patience)
        from .obstores import ObstoreClient, configuration

        make = _s3(place) if place.protocol == "s3" else _azure(place)
        name = f"{place.protocol}://{place.container}"
        patient, once = (make(configuration(patience, retries=retries)) for retries in (_MANY, 0))
        bulk = make(configuration(patience, retries=_MANY) | _UNSIGNED) if place.protocol == "s3" else patient
        return ObstoreClient(patient, once, bulk, name, patience)
    except ImportError as error:
        extra = EXTRAS[place.protocol]
        raise MissingLibrary(
            f"{place.protocol}:// stores need {error.name}: pip install 'lighterage[{extra}]'"
        ) from None


def _s3(place: Location) -> Callable[[dict[str, Any]], S3Store]:
    from obstore.store import S3Store

    said: dict[str, Any] = {"region": _variable("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint := _endpoint("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        said["endpoint"] = endpoint
    if not _variable("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"):
        said["credential_provider"] = _aws_identity()
    return lambda more: S3Store(place.container, **said, **more)


def _aws_identity() -> Callable[[], Any]:
    """Profiles, single sign-on, web identities, instances: what botocore finds, as it does for s3fs."""
    from datetime import UTC, datetime, timedelta

    import botocore.session

    found = botocore.session.get_session().get_credentials()
    if found is None:
        raise StoreError("no AWS identity was found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")

    def now() -> dict[str, Any]:
        frozen = found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + timedelta(minutes=10),  # botocore knows better: ask it again
        }

    return now


def _azure(place: Location) -> Callable[[dict[str, Any]], AzureStore]:
    from obstore.store import AzureStore

    said = _connection_string(_variable("AZURE_STORAGE_CONNECTION_STRING") or "")
    if account := place.account.partition(".")[0]:
        if account != said.get("account_name", account):
            said = {}  # that string is another account's
        said["account_name"] = account
    said.setdefault("account_name", _variable("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"))
    if not said["account_name"]:
        raise StoreError(
            "which storage account? Set AZURE_STORAGE_ACCOUNT_NAME, or write abfs://container@account/path"
        )
    if endpoint := said.pop("endpoint", None) or _variable("AZURE_STORAGE_ENDPOINT"):
        said["endpoint"] = _checked(endpoint, "the Azure endpoint")
    known = "account_key" in said or "sas_key" in said
    if not known and not _variable(
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_SKIP_SIGNATURE",
    ):
        from obstore.auth.azure import AzureCredentialProvider

        said["credential_provider"] = AzureCredentialProvider()
    return lambda more: AzureStore(container_name=place.container, **said, **more)


def _connection_string(text: str) -> dict[str, Any]:
    """What Azure's tools write: `AccountName=…;AccountKey=…;BlobEndpoint=…`."""
    parts = dict(part.partition("=")[::2] for part in text.split(";") if "=" in part)
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "SharedAccessSignature": "sas_key",
        "BlobEndpoint": "endpoint",
    }
    return {ours: parts[theirs] for theirs, ours in names.items() if parts.get(theirs)}


def _variable(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _endpoint(*names: str) -> str | None:
    """The server that the first of these variables names; never a metadata server."""
    for name in names:
        if said := os.environ.get(name):
            return _checked(said if "://" in said else f"http://{said}", name)
    return None


def _checked(endpoint: str, name: str) -> str:
    try:
        return checked_endpoint(endpoint)
    except BadUrl as error:
        raise StoreError(f"{name}: {error}") from None
