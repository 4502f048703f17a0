"""A web server on the loopback device that serves a folder, and can be told to do it badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Site:
    """What it serves and how; ``asked`` are the paths that were asked for, with the bytes that went out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, int]] = []
        self.cut: set[int] = set()
        """files of these sizes end in the middle"""
        self.leads_to = ""
        """redirects everything there"""
        self.url = ""

    def sent(self) -> int:
        return sum(count for _, count in self.asked)


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, site))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site = site
        super().__init__(*arguments, directory=str(site.folder))

    def do_GET(self) -> None:
        if self.site.leads_to:
            self.send_response(302)
            self.send_header("Location", self.site.leads_to + self.path)
            self.end_headers()
            return
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        part = content[: len(content) // 2] if len(content) in self.site.cut else content
        self.site.asked.append((self.path, len(part)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *arguments: Any) -> None:
        """Not to the terminal."""
