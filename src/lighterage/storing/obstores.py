"""S3 and Azure by obstore: synchronous calls, to be made from many threads at once."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from .backend import Listed
from .client import CHANGES, DIGEST, PART, Head, Patience, Readable, patiently, reason
from .errors import StoreError, Uncertain

if TYPE_CHECKING:
    from obstore import Attributes, ObjectMeta
    from obstore.store import ObjectStore

Result = TypeVar("Result")

_UPLOADS = 4
"""parts of a file on their way at one time"""
_MOST_PARTS = 10_000
_STATUS = re.compile(r"status code: (\d{3})")
_MAY_PASS = {408, 409, 425, 429}
"""statuses of 4xx after which the same request may succeed"""


def configuration(patience: Patience, *, retries: int) -> dict[str, Any]:
    """How a store's own client waits and tries again."""
    return {
        "client_options": {
            "allow_http": True,  # whoever sets an http:// endpoint means it
            "connect_timeout": timedelta(seconds=patience.connect),
            "timeout": timedelta(seconds=patience.attempt),
        },
        "retry_config": {
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=patience.retrying),
            "backoff": {
                "init_backoff": timedelta(seconds=min(0.1, patience.pause)),
                "max_backoff": timedelta(seconds=patience.pause),
            },
        },
    }


class ObstoreClient:
    """A `Client` of one bucket. ``once`` is the same store without retries, for writes that must not happen twice;
    ``bulk`` is the same for large files."""

    def __init__(
        self, store: ObjectStore, once: ObjectStore, bulk: ObjectStore, name: str, patience: Patience
    ) -> None:
        self._store = store
        self._once = once
        self._bulk = bulk
        self._name = name
        self._patience = patience

    def _patiently(self, ask: Callable[[], Result]) -> Result:
        return patiently(ask, self._patience, BaseError, _is_final)

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(f"{self._name}/{key}: the identity in use may not do this: {reason(error)}") from None
        except BaseError as error:
            raise StoreError(f"{self._name}/{key}: {reason(error)}") from None

    def get(self, key: str) -> tuple[int, bytes]:
        def ask() -> tuple[int, bytes]:
            result = obstore.get(self._store, key, options={"range": (0, PART)})
            return result.meta["size"], bytes(result.bytes())

        with self._explained(key):
            try:
                return self._patiently(ask)
            except BaseError as error:
                if _status(error) != 416:
                    raise
                return 0, b""  # no range of an empty object can be satisfied

    def get_range(self, key: str, start: int, end: int) -> memoryview:
        with self._explained(key):
            return memoryview(self._patiently(lambda: obstore.get_range(self._store, key, start=start, end=end)))

    def head(self, key: str) -> Head | None:
        with self._explained(key):
            try:
                found = self._patiently(lambda: obstore.get(self._store, key, options={"head": True}))
            except FileNotFoundError:
                return None
        digest = {str(name).lower(): value for name, value in found.attributes.items()}.get(DIGEST)
        return Head(found.meta["size"], digest, found.meta["last_modified"].timestamp(), _version(found.meta))

    def create(self, key: str, data: bytes, digest: str | None) -> bool:
        try:
            obstore.put(self._once, key, data, mode="create", attributes=_attributes(digest), use_multipart=False)
            return True
        except (AlreadyExistsError, PreconditionError):
            return False
        except FileNotFoundError:
            raise StoreError(f"{self._name}: there is no such bucket or container") from None
        except BaseError as error:
            if _is_final(error):
                with self._explained(key):
                    raise
            raise Uncertain(f"{self._name}/{key}: {reason(error)}") from None

    def put(self, key: str, data: bytes, digest: str | None) -> None:
        with self._explained(key), self._bucket_there():
            self._patiently(
                lambda: obstore.put(self._store, key, data, attributes=_attributes(digest), use_multipart=False)
            )

    def put_file(self, key: str, file: Readable, size: int, digest: str | None) -> None:
        part = max(PART, -(-size // _MOST_PARTS))
        with self._explained(key), self._bucket_there():
            obstore.put(
                self._bulk,
                key,
                cast("IO[bytes]", file),
                attributes=_attributes(digest),
                use_multipart=True,
                chunk_size=part,
                max_concurrency=_UPLOADS,
            )

    @contextlib.contextmanager
    def _bucket_there(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise StoreError(f"{self._name}: there is no such bucket or container") from None

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._explained(prefix), self._bucket_there():
            for found in obstore.list(self._store, prefix, chunk_size=1000):
                for one in found:
                    yield Listed(one["path"], one["size"], one["last_modified"].timestamp(), _version(one))

    def folders(self, prefix: str) -> Iterator[str]:
        with self._explained(prefix), self._bucket_there():
            found = obstore.list_with_delimiter(self._store, prefix)
        yield from (one.rstrip("/").rpartition("/")[2] for one in found["common_prefixes"])

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._once, key)
        except FileNotFoundError:
            raise
        except BaseError as error:
            if _is_final(error):
                with self._explained(key):
                    raise
            raise Uncertain(f"{self._name}/{key}: {reason(error)}") from None

    def move(self, key: str, to: str) -> None:
        with self._explained(key):
            obstore.copy(self._store, key, to)
            obstore.delete(self._store, key)


def _version(meta: ObjectMeta) -> str:
    return (meta["e_tag"] or "").strip('"')  # Azure's lists leave out what its headers have


def _attributes(digest: str | None) -> Attributes:
    return {DIGEST: digest} if digest else {"Cache-Control": CHANGES}


def _status(error: BaseError) -> int | None:
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def _is_final(error: BaseError) -> bool:
    """Whether the server understood and said no: trying again gives the same answer."""
    status = _status(error)
    return status is not None and 400 <= status < 500 and status not in _MAY_PASS
