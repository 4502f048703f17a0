"""Where a device reads channel files and bundles: a folder, or a folder behind a web server. Read only, bounded."""

from __future__ import annotations

import time
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit

from .errors import UpdateError

CHUNK = 64 * 1024
LATER = "try again later"
RIGHT_PLACE = "give the folder that `edge publish` names, as the device sees it"


class Source(Protocol):
    def read(self, name: str, most: int) -> bytes:
        """The bytes of a file below the folder. Raises UpdateError where there are more than ``most``, or it cannot be read."""
        ...


def open_source(place: str, *, timeout: float) -> Source:
    """The folder at a path or an http(s) URL. ``timeout``: seconds without a byte, and ten times that for one file."""
    parts = urlsplit(place)
    if parts.scheme in ("http", "https"):
        if parts.username or parts.password:
            raise UpdateError("unreachable", "the source's URL holds a user or password", "give a URL without")
        return _Web(place, timeout)
    if "://" in place:
        hint = "give a folder or an https URL; a bucket has one too"
        raise UpdateError("unreachable", f"a source cannot be reached by {parts.scheme}:", hint)
    return _Folder(Path(place))


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, most: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise UpdateError("unreachable", f"{self._folder / name}: {error.strerror}", RIGHT_PLACE) from None
        return _bounded(content, name, most)


class _Web:
    """urllib, with less: http and https alone, proxies from the environment, and a limit on everything."""

    def __init__(self, url: str, timeout: float) -> None:
        self._parts = urlsplit(url)
        self._timeout = timeout

    def read(self, name: str, most: int) -> bytes:
        from urllib.request import Request

        path = f"{self._parts.path.rstrip('/')}/{name}"
        shown = urlunsplit(
            (self._parts.scheme, self._parts.netloc, path, "", "")
        )  # without a query: it may be a secret
        request = Request(
            urlunsplit(self._parts._replace(path=path, fragment="")), headers={"Cache-Control": "no-cache"}
        )
        try:
            with closing(_opener().open(request, timeout=self._timeout)) as answer:
                return _bounded(self._take(answer, most), name, most)
        except HTTPError as error:
            error.close()
            raise UpdateError("unreachable", f"{shown}: the server says {error.code}", RIGHT_PLACE) from None
        except (URLError, HTTPException, OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise UpdateError("unreachable", f"{shown}: {why or type(error).__name__}", LATER) from None

    def _take(self, answer: BinaryIO, most: int) -> bytes:
        """A server that sends a byte now and then keeps within the timeout of each, so there is one for all."""
        until = time.monotonic() + 10 * self._timeout
        content = bytearray()
        while len(content) <= most and (chunk := answer.read1(CHUNK)):  # type: ignore[attr-defined]
            content += chunk
            if time.monotonic() > until:
                raise TimeoutError(f"it took over {10 * self._timeout:g} s")
        return bytes(content)


def _opener() -> Any:
    """Not urllib's own one, which opens file: and ftp: as well. The import costs a third of this library's."""
    from urllib import request

    class Redirects(request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if urlsplit(newurl).scheme not in ("https", urlsplit(req.full_url).scheme):
                raise URLError(f"it leads from {req.full_url.partition(':')[0]} to {newurl.partition(':')[0]}")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _bounded(content: bytes, name: str, most: int) -> bytes:
    if len(content) > most:
        raise UpdateError("damaged-download", f"{name} has more than {most} bytes", LATER)
    return content
