"""A tiny HTTP server that says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

EMPTY_MATRIX = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
ONE = b'{"status":"success","data":{"resultType":"scalar","result":[1700000040,"1"]}}'


@dataclass
class Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


@dataclass
class Reply:
    status: int = 200
    body: bytes = ONE
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class ScriptedServer:
    """Use as a context manager; `script` is called with each request, in any thread."""

    def __init__(self, script: Callable[[Asked], Reply], tls: tuple[Path, Path] | None = None) -> None:
        self.asked: list[Asked] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                form = self.rfile.read(length).decode() or parts.query
                asked = Asked(self.command, parts.path, parse_qs(form), dict(self.headers.items()))
                owner.asked.append(asked)
                reply = script(asked)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
