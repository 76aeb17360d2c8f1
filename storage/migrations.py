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


# Names repeat in millions of rows, so each is stored once. These three have no foreign keys pointing at them: a check
# on deletion would scan every anomaly, and only the retention deletes here, what nothing refers to.
_NAMES = (
    "CREATE TABLE cluster (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE entity (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        kind TEXT NOT NULL,
        peer TEXT NOT NULL,
        UNIQUE (cluster, namespace, name, type, kind, peer))""",
    """CREATE TABLE subject (
        id INTEGER PRIMARY KEY,
        entity INTEGER NOT NULL,
        signal TEXT NOT NULL,
        unit TEXT NOT NULL,
        convention TEXT NOT NULL,
        query TEXT NOT NULL)""",
    "CREATE INDEX subject_entity ON subject (entity, signal)",
)

# The columns from seen_at on belong to the engineer: cycles never write them, acts write nothing else.
_INVESTIGATIONS = (
    """CREATE TABLE investigation (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        title TEXT NOT NULL,
        severity INTEGER NOT NULL,
        score REAL,
        onset REAL NOT NULL,
        opened REAL NOT NULL,
        updated REAL NOT NULL,
        ended REAL,
        signals TEXT NOT NULL,
        anomalies INTEGER NOT NULL,
        held INTEGER NOT NULL,
        seen_at REAL,
        acknowledged_at REAL,
        acknowledged_by TEXT NOT NULL DEFAULT '',
        snoozed_until REAL,
        label TEXT,
        label_reason TEXT NOT NULL DEFAULT '',
        pinned INTEGER NOT NULL DEFAULT 0,
        closed_at REAL,
        lifecycle INTEGER GENERATED ALWAYS AS
            (CASE WHEN closed_at IS NOT NULL THEN 2 WHEN ended IS NOT NULL THEN 1 ELSE 0 END) VIRTUAL)""",
    "CREATE INDEX investigation_cluster ON investigation (cluster, lifecycle, updated)",
    "CREATE INDEX investigation_lifecycle ON investigation (lifecycle, updated)",
    "CREATE INDEX investigation_entity ON investigation (entity)",
    "CREATE INDEX investigation_ended ON investigation (ended)",
    "CREATE INDEX investigation_label ON investigation (label, cluster) WHERE label IS NOT NULL",
    "CREATE INDEX investigation_pinned ON investigation (cluster) WHERE pinned",
)

# score, peak_score and confidence are whole thousandths.
_ANOMALIES = (
    """CREATE TABLE anomaly (
        id INTEGER PRIMARY KEY,
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        subject INTEGER NOT NULL,
        state INTEGER NOT NULL,
        severity INTEGER NOT NULL,
        score INTEGER,
        peak_score INTEGER,
        observed REAL,
        low REAL,
        high REAL,
        onset REAL NOT NULL,
        opened REAL NOT NULL,
        last_seen REAL NOT NULL,
        closed REAL,
        confidence INTEGER,
        views INTEGER NOT NULL,
        clean_passes INTEGER NOT NULL,
        reopened INTEGER NOT NULL)""",
    "CREATE INDEX anomaly_investigation ON anomaly (investigation)",
    "CREATE INDEX anomaly_unresolved ON anomaly (state) WHERE state > 0",
    """CREATE TABLE band (
        anomaly INTEGER PRIMARY KEY REFERENCES anomaly (id) ON DELETE CASCADE,
        data BLOB NOT NULL)""",
)

_LEDGER = (
    """CREATE TABLE evidence (
        id INTEGER PRIMARY KEY,
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        digest INTEGER NOT NULL,
        anomaly INTEGER,
        step TEXT NOT NULL,
        text TEXT NOT NULL,
        source TEXT NOT NULL,
        value TEXT NOT NULL,
        at REAL,
        recorded REAL NOT NULL,
        stance TEXT NOT NULL,
        UNIQUE (investigation, digest))""",
    """CREATE TABLE timeline (
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (investigation, at, kind, text)) WITHOUT ROWID""",
    """CREATE TABLE event (
        cluster INTEGER NOT NULL,
        uid TEXT NOT NULL,
        namespace TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        object_uid TEXT NOT NULL,
        type TEXT NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        count INTEGER NOT NULL,
        first_seen REAL NOT NULL,
        last_seen REAL NOT NULL,
        component TEXT NOT NULL,
        owner_kind TEXT NOT NULL,
        owner_name TEXT NOT NULL,
        PRIMARY KEY (cluster, uid))""",
    "CREATE INDEX event_object ON event (cluster, name, last_seen)",
    "CREATE INDEX event_owner ON event (cluster, owner_name, last_seen) WHERE owner_name <> ''",
    "CREATE INDEX event_seen ON event (cluster, last_seen)",
)

_CYCLES = (
    """CREATE TABLE cycle (
        cluster INTEGER NOT NULL,
        at REAL NOT NULL,
        seconds REAL NOT NULL,
        series INTEGER NOT NULL,
        observations INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        PRIMARY KEY (cluster, at)) WITHOUT ROWID""",
    """CREATE TABLE coverage (
        cluster INTEGER NOT NULL,
        signal TEXT NOT NULL,
        status TEXT NOT NULL,
        conventions TEXT NOT NULL,
        live INTEGER NOT NULL,
        learning INTEGER NOT NULL,
        silent INTEGER NOT NULL,
        last_fired REAL,
        detail TEXT NOT NULL,
        query_seconds REAL,
        query TEXT NOT NULL,
        PRIMARY KEY (cluster, signal))""",
    """CREATE TABLE lease (
        cluster INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        expires REAL NOT NULL)""",
)

# `step` is the id of the first line of one act: a bulk act is undone as a whole.
_HISTORY = (
    """CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        step INTEGER NOT NULL,
        at REAL NOT NULL,
        actor TEXT NOT NULL,
        session TEXT NOT NULL,
        action TEXT NOT NULL,
        investigation INTEGER,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        undoes INTEGER)""",
    "CREATE INDEX history_investigation ON history (investigation)",
    "CREATE INDEX history_step ON history (step)",
    "CREATE INDEX history_actor ON history (actor, at) WHERE id = step",
    """CREATE TRIGGER history_is_final BEFORE UPDATE ON history
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    # REPLACE deletes without firing a trigger.
    """CREATE TRIGGER history_is_new BEFORE INSERT ON history WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    # A line leaves only together with its investigation, when the retention lets go of both.
    """CREATE TRIGGER history_is_kept BEFORE DELETE ON history
        WHEN OLD.investigation IS NULL OR EXISTS (SELECT 1 FROM investigation WHERE id = OLD.investigation)
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
)

_REST = (
    "CREATE TABLE screen (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # Ids are never used twice, also not after the newest row was deleted.
    "CREATE TABLE sequence (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID",
)


def _first(database: Database) -> None:
    for statement in (*_NAMES, *_INVESTIGATIONS, *_ANOMALIES, *_LEDGER, *_CYCLES, *_HISTORY, *_REST):
        database.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (Migration(1, "clusters, investigations, anomalies, evidence, history", _first),)


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
