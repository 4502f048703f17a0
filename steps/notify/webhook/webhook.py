"""Sends one JSON message, with nothing but Python."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from lighterage.schemas import BadInput

SECONDS = 10


def webhook(*, message: dict[str, Any], url: str | None = None, url_from: str | None = None) -> dict[str, Any]:
    """POSTs the message. Raises BadInput when it is refused for good, OSError for what may heal."""
    if (url is None) == (url_from is None):
        raise BadInput("either `url` or `url_from` says where to send the message")
    address = url or os.environ.get(str(url_from), "")
    if not address.startswith(("http://", "https://")):
        raise BadInput(f"the variable {url_from} holds no address that starts with https:// or http://")
    body = json.dumps(message).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=SECONDS) as answer:
            return {"status": answer.status}
    except urllib.error.HTTPError as error:
        if error.code in (408, 425, 429) or error.code >= 500:
            raise OSError(f"the service answered {error.code}") from None
        raise BadInput(f"the service answered {error.code} and will do so again") from None
    except urllib.error.URLError as error:
        raise OSError(f"the service cannot be reached: {error.reason}") from None  # its address may be a secret


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The message goes where it was sent and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
