"""One evaluation of everything, stored as a whole or not at all; and which process may store it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from detectors.model import Coverage
from storage import anomalies, conventions, events, evidence, investigations, restarts, timeline
from storage.codec import NAME_LIMIT, Names, clean, cluster_id, names_json, next_ids, read_names
from storage.lease import require_lease
from storage.records import CoverageRecord, CycleRecord, WatchRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from storage.connections import Connections
    from storage.records import (
        AnomalyRecord,
        ConventionRecord,
        EventRecord,
        EvidenceRecord,
        InvestigationRecord,
        RestartRecord,
        TimelineEntry,
    )


@dataclass(frozen=True, slots=True)
class CycleUpdate:
    """Everything that one cycle found out."""

    record: CycleRecord
    investigations: Sequence[InvestigationRecord] = ()
    """New ones and changed ones; their triage fields are not written."""
    anomalies: Sequence[AnomalyRecord] = ()
    """New ones and changed ones, each of an investigation stored before or in this update."""
    evidence: Sequence[EvidenceRecord] = ()
    """Lines found in this cycle, in order, with id 0; known ones are passed over."""
    timeline: Sequence[tuple[int, TimelineEntry]] = ()
    """Investigation ids with entries that no other table has."""
    events: Sequence[EventRecord] = ()
    coverage: Sequence[CoverageRecord] | None = None
    """The whole matrix of the cluster; None leaves the stored one."""
    restarts: Sequence[RestartRecord] = ()
    """Those seen since the cycle before; known ones are passed over."""
    conventions: Sequence[ConventionRecord] | None = None
    """All that is remembered of the server's conventions; None leaves what is stored."""
    owner: str = ""
    """Who holds the lease on the cluster; empty where nobody else can write (a replay's own database)."""


class Cycles:
    """Writes cycles, and reads what the last one said about itself."""

    def __init__(self, path: Path, connections: Connections) -> None:
        self._path = path
        self._connections = connections

    def new_ids(self, *, investigations: int = 0, anomalies: int = 0) -> tuple[range, range]:
        """Ids for records that the next update brings: consecutive in this database, from 1, never given twice."""
        with self._connections.write() as connection:
            return (
                next_ids(connection, "investigation", investigations),
                next_ids(connection, "anomaly", anomalies),
            )

    def write(self, update: CycleUpdate) -> None:
        """Store a cycle as a whole.

        Raises:
            LeaseError: another process took over the cluster; nothing was stored.
            StoreError: nothing was stored.
        """
        with self._connections.write() as connection:
            names = Names(connection)
            cluster = names.cluster(update.record.cluster)
            if update.owner:
                require_lease(connection, self._path, cluster, update.owner)
            investigations.put(connection, names, update.investigations)
            anomalies.put(connection, names, update.anomalies)
            evidence.append(connection, update.evidence)
            timeline.append(connection, update.timeline)
            events.put(connection, names, update.events)
            restarts.put(connection, cluster, update.restarts, update.record.at)
            if update.coverage is not None:
                _replace_coverage(connection, cluster, update.coverage)
            if update.conventions is not None:
                conventions.replace(connection, cluster, update.conventions)
            connection.execute(
                "INSERT INTO cycle VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seconds = excluded.seconds, "
                "series = excluded.series, observations = excluded.observations, errors = excluded.errors",
                (cluster, *msgspec.structs.astuple(update.record)[1:]),
            )

    def last(self, cluster: str) -> CycleRecord | None:
        """The newest cycle of a cluster."""
        with self._connections.read() as connection:
            row = connection.execute(
                """SELECT at, seconds, series, observations, errors FROM cycle
                WHERE cluster = ? ORDER BY at DESC LIMIT 1""",
                (cluster_id(connection, cluster),),
            ).fetchone()
            return CycleRecord(cluster, *row) if row else None

    def watch(self, cluster: str, since: float, until: float, gap: float) -> WatchRecord | None:
        """How much of a time was watched; None where no cycle ran in it.

        Args:
            cluster: whose cycles.
            since: unix seconds.
            until: unix seconds.
            gap: cycles further apart than this many seconds do not follow upon each other.
        """
        with self._connections.read() as connection:
            row = connection.execute(
                """SELECT min(at), max(at), count(*), total(CASE WHEN at - before <= :gap THEN at - before END),
                    sum(errors > 0)
                FROM (SELECT at, errors, lag(at) OVER (ORDER BY at) AS before FROM cycle
                    WHERE cluster = :cluster AND at BETWEEN :since AND :until)""",
                {"cluster": cluster_id(connection, cluster), "since": since, "until": until, "gap": gap},
            ).fetchone()
            return WatchRecord(*row) if row[2] else None

    def coverage(self, cluster: str) -> tuple[CoverageRecord, ...]:
        """The coverage matrix of a cluster as the last cycle saw it, by signal."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT signal, status, conventions, live, learning, silent, last_fired, detail, query_seconds, query,
                query_series, query_samples, thinned FROM coverage WHERE cluster = ? ORDER BY signal""",
                (cluster_id(connection, cluster),),
            )
            return tuple(
                CoverageRecord(cluster, signal, Coverage(status), read_names(conventions), *rest)
                for signal, status, conventions, *rest in cursor
            )

    def acquire_lease(self, cluster: str, owner: str, now: float, ttl: float) -> bool:
        """Ask to be the process that writes a cluster's cycles; also renews.

        A lease whose process on this machine is gone is free at once, others when they expire.

        Args:
            cluster: the cluster.
            owner: a name that no other process has.
            now: unix seconds.
            ttl: seconds until others may take over unless it is renewed.

        Returns:
            Whether this owner holds it now; else another process is writing, and this one should follow by reading.
        """
        host = clean(socket.gethostname(), NAME_LIMIT)
        with self._connections.write() as connection:
            key = Names(connection).cluster(cluster)
            row = connection.execute("SELECT owner, pid, host, expires FROM lease WHERE cluster = ?", (key,)).fetchone()
            if row is not None and row[0] != owner and row[3] > now and not (row[2] == host and not _alive(row[1])):
                return False
            connection.execute(
                "INSERT INTO lease VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner, "
                "pid = excluded.pid, host = excluded.host, expires = excluded.expires",
                (key, owner, os.getpid(), host, now + ttl),
            )
            return True

    def release_lease(self, cluster: str, owner: str) -> None:
        """Let another process take over at once."""
        with self._connections.write() as connection:
            connection.execute(
                "DELETE FROM lease WHERE cluster = ? AND owner = ?", (cluster_id(connection, cluster), owner)
            )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _replace_coverage(connection: sqlite3.Connection, cluster: int, records: Sequence[CoverageRecord]) -> None:
    connection.execute("DELETE FROM coverage WHERE cluster = ?", (cluster,))
    connection.executemany(
        "INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                cluster,
                clean(record.signal, NAME_LIMIT),
                record.status.value,
                names_json(record.conventions),
                record.live,
                record.learning,
                record.silent,
                record.last_fired,
                clean(record.detail),
                record.query_seconds,
                clean(record.query),
                record.query_series,
                record.query_samples,
                clean(record.thinned),
            )
            for record in records
        ],
    )
