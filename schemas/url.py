"""URLs of data and stores. They are text from somebody's file, and looked at as text before any library sees them.

Storage libraries connect while they are being set up, follow chained URLs to places nobody meant, and take passwords
from a URL to wherever it is printed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

BUCKETS = ("s3", "gs", "az", "abfs")
"""protocols of object storage"""
PROTOCOLS = ("file", *BUCKETS, "memory")
_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
# Patterns that most commands never need are compiled at their first use.
_CONTAINER = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,220}[A-Za-z0-9])?"
_ACCOUNT = r"[a-z0-9]{3,24}(?:\.(?:dfs|blob)\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))?"
_METADATA_NAMES = (
    r"(?:.*\.)?(?:metadata(?:\.goog|\.google\.internal|\.azure\.(?:com|internal))?|instance-data(?:\.ec2\.internal)?)"
)
_METADATA_ADDRESSES = ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")


class BadUrl(ValueError):
    """A URL that is not taken; the message repeats nothing that may be a password."""


class Location(NamedTuple):
    """A URL in its parts."""

    protocol: str
    """one of `PROTOCOLS`; `file` for a plain path"""
    container: str
    """bucket or container, or the name of a memory; empty for files"""
    path: str
    """what follows, without slashes at its ends; the whole path of a file"""
    account: str = ""
    """of `abfs://container@account`"""


def location(url: str) -> Location:
    """The parts of a URL of data: a protocol of ours, nothing chained, no credentials, no query. Raises BadUrl."""
    if not url.strip() or _INVISIBLE.search(url):
        raise BadUrl("it does not name a file, a folder or a URL, or it has control characters")
    if "::" in url:
        raise BadUrl("it chains protocols with '::', which is not allowed")
    match = _PROTOCOL.match(url)
    if match is None:
        return Location("file", "", url)
    protocol = match[1]
    if protocol not in PROTOCOLS:
        raise BadUrl(f"the protocol {protocol!r} is not allowed; {', '.join(PROTOCOLS)} are, and paths")
    rest = url[match.end() :]
    if not rest.startswith("//"):
        raise BadUrl(f"{protocol}: is followed by two slashes")
    return _file(rest) if protocol == "file" else _remote(protocol, rest[2:])


def _file(rest: str) -> Location:
    host, _, path = rest[2:].partition("/")
    if host not in ("", "localhost"):
        raise BadUrl("it names a host; a file URL has three slashes: file:///data")
    return Location("file", "", f"/{path}")


def _remote(protocol: str, rest: str) -> Location:
    container, _, path = rest.partition("/")
    account = ""
    if "@" in container and protocol == "abfs":
        container, _, account = container.partition("@")
        if ":" not in container and not re.fullmatch(_ACCOUNT, account):
            raise BadUrl("after the @ the name of a storage account is expected: abfs://container@account/path")
    if "@" in container or ":" in container:
        raise BadUrl("it holds credentials or a port; credentials come from the ambient identity, never from a URL")
    if not re.fullmatch(_CONTAINER, container) or forbidden_host(container) or _address(container):
        raise BadUrl(f"after {protocol}:// the name of a bucket or container is expected")
    if "?" in path or "#" in path:
        raise BadUrl("it has a query or a fragment, which mean nothing here")
    from urllib.parse import unquote

    if {".", ".."} & set(unquote(path).split("/")):
        raise BadUrl("it has '.' or '..' in its path")
    return Location(protocol, container, path.strip("/"), account)


def forbidden_host(host: str) -> bool:
    """Whether a host gives instances their credentials: link-local addresses, clouds' metadata servers."""
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name.partition("%")[0])
    if address is None:
        return bool(re.fullmatch(_METADATA_NAMES, name))
    within = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return any(one.is_link_local or one.is_unspecified or str(one) in _METADATA_ADDRESSES for one in (address, within))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is to a system's resolver: 169.254.169.254, and 0xa9fea9fe too."""
    import ipaddress
    import socket

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if re.fullmatch(r"[0-9a-fx.]+", host) else None
    except OSError:
        return None


def checked_endpoint(url: str) -> str:
    """The address of a storage server, such as AWS_ENDPOINT_URL holds. Raises BadUrl."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadUrl("it is no URL") from None
    if parts.scheme not in ("http", "https") or not host or _INVISIBLE.search(url):
        raise BadUrl("http://host or https://host is expected")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadUrl("it must not hold credentials, a query or a fragment")
    if forbidden_host(host):
        raise BadUrl("it leads to a metadata server, which is no storage")
    return url.rstrip("/")
