"""The connections to one database file: one that writes, guarded by a lock, and a few that read."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.errors import StoreError, store_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's transaction."""

_JOURNAL_LIMIT = 64 * 2**20
"""Bytes that the write-ahead log may keep between checkpoints."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun and ended by name.

    Raises:
        sqlite3.Error: as SQLite reports it.
    """
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    # SQLite's own default is FULL; in WAL mode NORMAL can lose the last transactions to a power cut, never to a crash.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}").fetchone()
    return connection


class Connections:
    """Transactions on one database, from any thread.

    Writers of this process queue on a lock, those of other processes on SQLite's. Readers never wait for a writer:
    each transaction sees the database as it was when it began.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._writer = None if read_only else connect(path)
        self._writing = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that is stored as a whole or not at all.

        Raises:
            StoreError: the database is busy, full, damaged, read-only or closed; nothing was stored.
        """
        with self._writing:
            writer = self._checked(self._writer)
            try:
                # Not BEGIN alone: a transaction that first reads and then writes fails at once, whatever the timeout,
                # when another process has written in between.
                writer.execute("BEGIN IMMEDIATE")
                yield writer
                writer.execute("COMMIT")
            except sqlite3.Error as error:
                raise store_error(self.path, error) from error
            finally:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One transaction that sees a single moment of the database.

        Raises:
            StoreError: the database is damaged, gone or closed.
        """
        try:
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error

    def outside_transaction(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement that SQLite refuses inside a transaction (vacuum, checkpoint)."""
        with self._writing:
            try:
                return self._checked(self._writer).execute(statement).fetchall()
            except sqlite3.Error as error:
                raise store_error(self.path, error) from error

    def close(self) -> None:
        """Close every connection; the last one of all processes folds the write-ahead log into the file."""
        with self._writing:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            if self._writer is not None:
                self._writer.close()

    def _checked(self, writer: sqlite3.Connection | None) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(self.path, "the store is closed")
        if writer is None:
            raise StoreError(self.path, "the database was opened for reading only")
        return writer

    def _borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(self.path, "the store is closed")
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self.path, read_only=True)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)
