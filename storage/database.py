"""The store: one SQLite file with everything that Tocsin remembers.

Each repository hangs on the `Store` by its name; reads return the records of `storage.records`. All calls block, and
any thread may make them. A cycle of the engine:

    with Store.open(path) as store:
        if not store.cycles.acquire_lease(cluster, owner, now, ttl=60):
            ...                                                    # another console writes: follow it by reading
        known = store.anomalies.unresolved(cluster)                # open and held
        before = store.anomalies.closed_since(cluster, now - 1800)  # may be reopened
        cases = store.investigations.open(cluster)                 # with what the engineer did meanwhile
        ...
        case_ids, anomaly_ids = store.cycles.new_ids(investigations=1, anomalies=3)
        store.cycles.write(
            CycleUpdate(
                record=CycleRecord(cluster, now, seconds, series, observations, errors),
                investigations=[...], anomalies=[...], evidence=[...], timeline=[(case_ids[0], TimelineEntry(...))],
                events=[...], coverage=[...], owner=owner,
            )
        )                                                          # all of it, or StoreError and nothing of it

and an act of the engineer:

    lines = store.history.act([12, 13], Act.LABEL, {"label": Label.FALSE, "label_reason": "noise"}, actor=who, at=now)
    store.history.undo(actor=who, at=now)                          # both; UndoError if somebody else changed them since
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from storage import migrations
from storage.advice import AdviceBook
from storage.anomalies import Anomalies
from storage.conclusions import Conclusions
from storage.connections import Connections
from storage.conventions import Conventions
from storage.cycles import Cycles
from storage.errors import StoreError
from storage.events import Events
from storage.evidence import Evidence
from storage.history import History
from storage.incidents import Incidents
from storage.investigations import Investigations
from storage.labels import Labels
from storage.outbox import Outbox
from storage.profiles import Profiles
from storage.restarts import Restarts
from storage.retention import Retention
from storage.rules import Rules
from storage.screens import ScreenState
from storage.timeline import Timeline
from storage.usage import UsageDays
from storage.verifications import Verifications

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much is stored."""

    path: Path
    schema: int
    bytes: int
    """Of the file with its write-ahead log."""
    rows: Mapping[str, int]
    """By table."""


class Store:
    """One database file, open. Use `Store.open`."""

    def __init__(self, path: Path, connections: Connections) -> None:
        self.path = path
        self._connections = connections
        self.investigations = Investigations(connections)
        self.anomalies = Anomalies(connections)
        self.evidence = Evidence(connections)
        self.conclusions = Conclusions(connections)
        self.outbox = Outbox(connections)
        self.verifications = Verifications(connections)
        self.timeline = Timeline(connections)
        self.events = Events(connections)
        self.history = History(connections)
        self.labels = Labels(connections)
        self.incidents = Incidents(connections)
        self.rules = Rules(connections)
        self.cycles = Cycles(path, connections)
        self.conventions = Conventions(connections)
        self.usage = UsageDays(connections)
        self.advice = AdviceBook(connections)
        self.profiles = Profiles(connections)
        self.restarts = Restarts(connections)
        self.screen = ScreenState(connections)
        self.retention = Retention(connections)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open the database, after creating or migrating it where that is due and allowed.

        Args:
            path: the file; its folder is made if need be.
            read_only: refuse every write; the file has to exist and be up to date.

        Raises:
            StoreError: it cannot be used; it was left as it is.
        """
        if read_only:
            migrations.require_current(path)
        else:
            migrations.prepare(path)
        return cls(path, Connections(path, read_only=read_only))

    def close(self) -> None:
        """Close the file; safe to call twice. Later calls on the store raise StoreError."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def clusters(self) -> tuple[str, ...]:
        """The names of all clusters that anything is stored of."""
        with self._connections.read() as connection:
            return tuple(name for (name,) in connection.execute("SELECT name FROM cluster ORDER BY name"))

    def integrity(self) -> tuple[str, ...]:
        """What is damaged in the file, in SQLite's words; empty when it is sound. Reads all of it."""
        try:
            with self._connections.read() as connection:
                found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
                orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        except StoreError as error:
            return (error.what,)
        lost = [f"{table} row {row} has no {parent}" for table, row, parent, _ in orphans[:20]]
        return tuple(line for line in found if line != "ok") + tuple(lost)

    def statistics(self) -> Statistics:
        """How many rows and bytes there are."""
        with self._connections.read() as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
            rows = {
                table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
                for (table,) in tables
            }
            schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        size = sum(file.stat().st_size for file in files if file.exists())
        return Statistics(self.path, schema, size, rows)
