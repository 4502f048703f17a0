"""Google Cloud Storage by its own library: obstore speaks the XML interface there, which no test server has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, Unauthorized
from google.api_core.exceptions import RequestRangeNotSatisfiable as Beyond
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from .backend import Listed
from .client import CHANGES, DIGEST, PART, Head, Patience, Readable, patiently, reason
from .errors import StoreError, Uncertain

_CONNECTIONS = 32
_FAILURES = (GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption, RequestException, ConnectionError)


def google_client(bucket: str, endpoint: str | None, patience: Patience) -> GoogleClient:
    """A client with the ambient identity, or with none where ``endpoint`` names an emulator."""
    try:
        if endpoint:
            from google.auth.credentials import AnonymousCredentials

            found = storage.Client("emulator", AnonymousCredentials(), client_options={"api_endpoint": endpoint})
        else:
            found = storage.Client()
    except GoogleAuthError as error:
        raise StoreError(f"gs://{bucket}: no Google identity was found: {reason(error)}") from None
    for scheme in ("http://", "https://"):  # the library's own pool holds ten connections and throws others away
        found._http.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=_CONNECTIONS))
    return GoogleClient(found, bucket, patience)


class GoogleClient:
    """A `Client` of one bucket."""

    def __init__(self, client: storage.Client, bucket: str, patience: Patience) -> None:
        self._client = client
        self._bucket = client.bucket(bucket)
        self._name = f"gs://{bucket}"
        self._patience = patience
        self._once: dict[str, Any] = {"timeout": (patience.connect, patience.attempt), "retry": None}
        retry = Retry(
            predicate=_may_pass, initial=min(0.1, patience.pause), maximum=patience.pause, timeout=patience.retrying
        )
        self._patient = self._once | {"retry": retry}

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except NotFound as error:
            raise FileNotFoundError(key) from error
        except (Forbidden, Unauthorized) as error:
            raise StoreError(f"{self._name}/{key}: the identity in use may not do this: {reason(error)}") from None
        except _FAILURES as error:
            raise StoreError(f"{self._name}/{key}: {reason(error)}") from None

    def get(self, key: str) -> tuple[int, bytes]:
        with self._explained(key):
            blob = self._bucket.blob(key)
            try:
                data = patiently(
                    lambda: blob.download_as_bytes(end=PART - 1, checksum=None, **self._patient),
                    self._patience,
                    RequestException,
                    lambda error: False,
                )
            except Beyond:  # a range of an empty object cannot be satisfied
                return 0, b""
            if len(data) == PART:
                blob.reload(**self._patient)
                return blob.size, data
            return len(data), data

    def get_range(self, key: str, start: int, end: int) -> memoryview:
        with self._explained(key):
            blob = self._bucket.blob(key)
            return memoryview(blob.download_as_bytes(start=start, end=end - 1, checksum=None, **self._patient))

    def head(self, key: str) -> Head | None:
        with self._explained(key):
            blob = self._bucket.get_blob(key, **self._patient)
        if blob is None:
            return None
        return Head(blob.size, (blob.metadata or {}).get(DIGEST), blob.updated.timestamp(), _version(blob))

    def create(self, key: str, data: bytes, digest: str | None) -> bool:
        with self._explained(key), self._bucket_there():
            try:
                self._new(key, digest).upload_from_string(data, if_generation_match=0, **self._once)
                return True
            except PreconditionFailed:
                return False
            except (NotFound, Forbidden, Unauthorized):
                raise
            except _FAILURES as error:
                raise Uncertain(f"{self._name}/{key}: {reason(error)}") from None

    def put(self, key: str, data: bytes, digest: str | None) -> None:
        with self._explained(key), self._bucket_there():
            self._new(key, digest).upload_from_string(data, **self._patient)

    def put_file(self, key: str, file: Readable, size: int, digest: str | None) -> None:
        with self._explained(key), self._bucket_there():
            self._new(key, digest, chunk_size=PART).upload_from_file(file, size=size, **self._patient)

    def _new(self, key: str, digest: str | None, **more: Any) -> storage.Blob:
        blob = self._bucket.blob(key, **more)
        blob.content_type = "application/octet-stream"
        if digest:
            blob.metadata = {DIGEST: digest}
        else:
            blob.cache_control = CHANGES
        return blob

    @contextlib.contextmanager
    def _bucket_there(self) -> Iterator[None]:
        try:
            yield
        except NotFound:
            raise StoreError(f"{self._name}: there is no such bucket") from None

    def list(self, prefix: str) -> Iterator[Listed]:
        fields = "items(name,size,updated,md5Hash,crc32c),nextPageToken"
        with self._explained(prefix), self._bucket_there():
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, fields=fields, **self._patient):
                yield Listed(blob.name, blob.size, blob.updated.timestamp(), _version(blob))

    def folders(self, prefix: str) -> Iterator[str]:
        fields = "prefixes,nextPageToken"
        with self._explained(prefix), self._bucket_there():
            found = self._client.list_blobs(self._bucket, prefix=prefix, delimiter="/", fields=fields, **self._patient)
            for page in found.pages:
                yield from (one.rstrip("/").rpartition("/")[2] for one in page.prefixes)

    def delete(self, key: str) -> None:
        with self._explained(key):
            try:
                self._bucket.blob(key).delete(**self._once)
            except (NotFound, Forbidden, Unauthorized):
                raise
            except _FAILURES as error:
                raise Uncertain(f"{self._name}/{key}: {reason(error)}") from None

    def move(self, key: str, to: str) -> None:
        with self._explained(key):
            source, token = self._bucket.blob(key), None
            while True:
                token, _, _ = self._bucket.blob(to).rewrite(source, token=token, **self._patient)
                if token is None:
                    break
            source.delete(**self._patient)


def _version(blob: storage.Blob) -> str:
    return str(blob.md5_hash or blob.crc32c)  # one that was composed of others has no MD5


def _may_pass(error: Exception) -> bool:
    """What the library would try again, and whatever came of a connection that broke."""
    return isinstance(error, (RequestException, ConnectionError)) or DEFAULT_RETRY._predicate(error)
