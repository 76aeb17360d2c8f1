"""The schema, as a list of numbered steps, and the gate that every database file passes before it is used.

The file's header says whose it is (`application_id`) and how far it has come (`user_version`). To change the schema,
append a `Migration`; never edit one that has been released.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import schema
from storage.connections import BUSY_SECONDS, connect
from storage.errors import StoreError, store_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_utils import Database

APPLICATION_ID = 0x746F6373
"""`tocs`, at byte 68 of the file: other programs' databases are not ours to change."""

OLDEST_SQLITE = (3, 35, 0)
"""Generated columns, upsert and dropping a column need it."""

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    title: str
    apply: Callable[[Database], None]
    """Runs inside the transaction that records it; `Database` brings `transform` and full-text set-up."""


def _run(statements: tuple[str, ...]) -> Callable[[Database], None]:
    def apply(database: Database) -> None:
        for statement in statements:
            database.execute(statement)

    return apply


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "clusters, investigations, anomalies, evidence, history", _run(schema.FIRST)),
    Migration(2, "what containers used, and advice on their requests and limits", _run(schema.USAGE)),
    Migration(3, "evidence names its convention and the object's field", _run(schema.EVIDENCE_ORIGIN)),
    Migration(4, "which conventions a server has had", _run(schema.CONVENTIONS)),
    Migration(5, "what the queries of a row touch, and what had to be left out of them", _run(schema.COST)),
    Migration(6, "what investigations came to", _run(schema.CONCLUSIONS)),
    Migration(7, "cases that are consequences of others", _run(schema.CONSEQUENCES)),
    Migration(8, "what became of rollouts", _run(schema.VERIFICATIONS)),
    Migration(9, "labels with what they judged, and incidents recorded by hand", _run(schema.LABELS)),
    Migration(10, "rules that mute findings, and what they hide", _run(schema.RULES)),
    Migration(11, "what is usual at each time of day and week", _run(schema.PROFILES)),
    Migration(12, "messages to the outside", _run(schema.OUTBOX)),
    Migration(13, "what holds messages back", _run(schema.HOLDS)),
    Migration(14, "rules that begin later and of one environment, snoozes that a rollout ends", _run(schema.SILENCES)),
    Migration(15, "restarts of containers", _run(schema.RESTARTS)),
)


_ELSEWHERE = "It was left as it is. Choose another file with --db."


def prepare(path: Path) -> None:
    """Create the database, or bring it up to date; what cannot be used is left as it is.

    Raises:
        StoreError: not ours, newer than this program, damaged, not permitted, busy, or no space.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(path, f"Python was built with SQLite {sqlite3.sqlite_version}", f"It takes {needed} or newer.")
    _create_empty(path)
    _check_header(path)
    _require_writable(path)
    version = _stored_version(path)
    try:
        with closing(connect(path)) as connection:
            if version < _newest():
                _migrate(path, connection)
            _use_write_ahead_log(connection)
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def require_current(path: Path) -> None:
    """Make sure that the database can be read as it is.

    Raises:
        StoreError: missing, unreadable, not ours, newer, or older than this program.
    """
    _check_header(path)
    version = _stored_version(path)
    if version < _newest():
        what = f"the database has an older schema ({version}, this program reads {_newest()})"
        raise StoreError(path, what, "Start `tocsin` once with write access, it brings the file up to date.")


def _newest() -> int:
    return MIGRATIONS[-1].number


def _stored_version(path: Path) -> int:
    """How far the schema has come, 0 for a new database; also what only the write-ahead log knows. Changes nothing."""
    try:
        # Read-only, since the last writing connection to close would fold a write-ahead log into the file.
        with closing(connect(path, read_only=True)) as connection:
            version = _version(connection)
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    _refuse_newer(path, version)
    return version


def _check_header(path: Path) -> None:
    """Look at the first bytes without SQLite, which would make companions beside a foreign file."""
    try:
        if path.exists() and not path.is_file():
            raise StoreError(path, "this is not a file", "Choose another one with --db.")
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError as error:
        raise StoreError(path, "there is no database yet", "`tocsin` makes it when it first runs.") from error
    except OSError as error:
        raise StoreError(path, f"the database cannot be read: {error.strerror}", "Check its permissions.") from error
    if not header:
        return
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise StoreError(path, "this is not a SQLite database", _ELSEWHERE)
    schema_cookie, application = header[40:44], int.from_bytes(header[68:72], "big")
    if application != APPLICATION_ID and any(schema_cookie):
        raise StoreError(path, "this database belongs to another program", _ELSEWHERE)
    _refuse_newer(path, int.from_bytes(header[60:64], "big"))


def _refuse_newer(path: Path, version: int) -> None:
    if version > _newest():
        raise StoreError(
            path,
            f"the database was written by a newer Tocsin (schema {version}, this one knows {_newest()})",
            "It was left as it is. Upgrade Tocsin, or choose another file with --db.",
        )


def _create_empty(path: Path) -> None:
    """Make the folder and an empty file that nobody else may read, before SQLite makes one by the umask."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        hint = "Check the permissions of the folder, or choose another file with --db."
        raise StoreError(path, f"the database cannot be made: {error.strerror}", hint) from error


def _require_writable(path: Path) -> None:
    """SQLite writes the file and its companions beside it."""
    for place, name in ((path, "the file"), (path.parent, "its folder")):
        if not os.access(place, os.W_OK):
            raise StoreError(path, f"{name} may not be written", "Check the permissions, or choose another with --db.")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database  # imports numpy: only when there is something to migrate

    # Takes effect only before the first table; freed pages then go back to the file system in small steps.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been here while this one waited
        _refuse_newer(path, version)
        if 0 < version < _newest() and connection.execute("SELECT 1 FROM cluster LIMIT 1").fetchone():
            _back_up(path, version)
        database = Database(connection)
        for migration in MIGRATIONS[version:]:
            migration.apply(database)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_newest()}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _back_up(path: Path, version: int) -> None:
    """Copy the database as it is beside itself, `NAME.schema-VERSION`; a copy cut short never carries that name."""
    copy = path.with_name(f"{path.name}.schema-{version}")
    unfinished = path.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(connect(path, read_only=True)) as source, closing(connect(unfinished)) as target:
        source.backup(target)
    unfinished.replace(copy)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to WAL; kept in the file, so it is a question after the first time.

    Two processes that switch at once refuse each other without waiting, hence the loop.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise sqlite3.OperationalError(f"journal mode {mode}: this file system cannot share memory")
            return
