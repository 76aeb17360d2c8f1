"""A door before a server: it can be shut and opened, and remembers every HTTP request that went through."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/\S*) HTTP/1\.1\r\n")


class Gate:
    """A TCP forwarder on loopback; use it as a context manager.

    Args:
        url: the server behind it.
    """

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._behind = (split.hostname or "", split.port or 80)
        self._port = 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.requests: list[tuple[str, str]] = []
        """Method and path with query."""
        self.url = ""

    def __enter__(self) -> Gate:
        self.open()
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def open(self) -> None:
        """Let everybody in, at the same address as before."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Break off every connection, and refuse new ones."""
        if self._listener is not None:
            # Closing alone does not wake a thread that waits in accept.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for connection in self._open:
                _end(connection)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._behind)
                with self._lock:
                    self._open |= {near, far}
                threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asking:
                    self.requests += [(m.decode(), path.decode()) for m, path in REQUEST.findall(data)]
                target.sendall(data)
        _end(source)
        _end(target)
        with self._lock:
            self._open.discard(source)
        source.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
