"""Messages over a socket, whole or not at all."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Raw, Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 4
"""Bytes of a message's length before it."""
OPENING = 1
"""The number of what the child does first: open a session."""


class Ask(Struct, frozen=True, array_like=True):
    """A call, on its way to the engine's process."""

    number: int
    lane: str
    """Calls of one lane run in order: those of one thread of the console."""
    method: str
    arguments: Raw


class Done(Struct, frozen=True, array_like=True, tag="done"):
    """A call has returned nothing."""

    number: int


class Failed(Struct, frozen=True, array_like=True, tag="failed"):
    """A call has raised."""

    number: int
    error: bytes
    """By `errors.packed`."""


class Wire:
    """One end; any thread may send, one receives.

    Args:
        connection: a stream socket; closed with the wire.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: bytes) -> None:
        """Send one message. Raises OSError when nobody is there any more."""
        with self._lock:
            self._connection.sendall(len(message).to_bytes(LENGTH) + message)

    def messages(self) -> Iterator[bytes]:
        """What the other end sends, until it closes or dies."""
        with suppress(OSError, ValueError):
            while len(head := self._reader.read(LENGTH)) == LENGTH:
                size = int.from_bytes(head)
                message = self._reader.read(size)
                if len(message) < size:
                    return
                yield message

    def finish(self) -> None:
        """Send no more: the other end reads to the end, and knows."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Send and receive no more."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._reader.close()
        self._connection.close()
