"""A program that takes what is posted, and answers as it is told."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Serving:
    """A server on loopback while it is used as a context manager; its handlers find it as `of`."""

    handler: type[BaseHTTPRequestHandler]

    def __enter__(self) -> Self:
        handler = type("Handler", (self.handler,), {"of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    of: HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.of.posted.append(Posted(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status, headers = self.of.answers.pop(0) if self.of.answers else (200, {})
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class HttpServer(Serving):
    """Takes what is posted."""

    handler = _Handler

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        """(status, headers) of the next answers; 0 hangs up."""
