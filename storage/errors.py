"""How the store says no: one error type that names the file, what is the matter, and what to do."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class StoreError(Exception):
    """The database cannot be used, or not for this.

    Attributes:
        path: the database file.
        what: one clause that says what is the matter.
        hint: one sentence that says what to do; may be empty.
    """

    def __init__(self, path: Path, what: str, hint: str = "") -> None:
        super().__init__(f"{path}: {what}" + (f". {hint}" if hint else ""))
        self.path = path
        self.what = what
        self.hint = hint


class LeaseError(StoreError):
    """Another process took over the cluster: this one must stop writing cycles for it and follow."""


class UndoError(Exception):
    """An act cannot be taken back, because what it changed has been changed again since.

    Attributes:
        message: one sentence for a toast.
        investigation: the first one in the way; 0 where it is a rule.
    """

    def __init__(self, message: str, investigation: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.investigation = investigation


_TROUBLES: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        "another process has been writing to the database for more than 5 seconds",
        "Close the other one, or wait and try again.",
    ),
    ((sqlite3.SQLITE_FULL,), "the disk is full", "Free some space; nothing that was stored is lost."),
    (
        (sqlite3.SQLITE_CORRUPT,),
        "the database is damaged",
        "It was left as it is. Move it away to start with an empty one, or restore a copy.",
    ),
    (
        (sqlite3.SQLITE_NOTADB,),
        "this is not a SQLite database",
        "It was left as it is. Choose another file with --db.",
    ),
    (
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
        "the database may not be written",
        "Check the permissions of the file and of its folder, or choose another file with --db.",
    ),
    (
        (sqlite3.SQLITE_CANTOPEN,),
        "the database cannot be opened",
        "Check that the folder exists and that you may write to it, or choose another file with --db.",
    ),
    ((sqlite3.SQLITE_IOERR,), "the disk failed to read or write", "Check the disk and the file system."),
)


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite reported, in words that say what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    for codes, what, hint in _TROUBLES:
        if code in codes:
            return StoreError(path, what, hint)
    return StoreError(path, f"SQLite failed: {error}")
