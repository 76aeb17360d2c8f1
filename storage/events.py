"""Kubernetes events, kept beyond the hour for which the API server has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, clean, cluster_id
from storage.records import EventRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from detectors.model import Entity
    from storage.codec import Names
    from storage.connections import Connections

_PUT = """
    INSERT INTO event (cluster, uid, namespace, kind, name, object_uid, type, reason, message, count,
        first_seen, last_seen, component, owner_kind, owner_name)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (cluster, uid) DO UPDATE SET
        count = max(count, excluded.count),
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen),
        message = CASE WHEN excluded.last_seen >= last_seen THEN excluded.message ELSE message END,
        owner_kind = coalesce(nullif(excluded.owner_kind, ''), owner_kind),
        owner_name = coalesce(nullif(excluded.owner_name, ''), owner_name)
    WHERE excluded.count > count OR excluded.last_seen > last_seen OR excluded.first_seen < first_seen
        OR (owner_name = '' AND excluded.owner_name <> '')
"""
"""An event that was seen before only ever grows; one that has not changed is not written at all."""

_SELECT = """
    SELECT cluster.name, uid, namespace, kind, event.name, object_uid, type, reason, message, count,
        first_seen, last_seen, component, owner_kind, owner_name
    FROM event JOIN cluster ON cluster.id = event.cluster
"""

_WORKLOAD = "Workload"
"""`Entity.kind` where only metrics name the workload: any kind of that name is meant."""


class Events:
    """Reads events; cycles write them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(
        self, cluster: str, namespace: str, kind: str, name: str, since: float = 0.0, *, limit: int = 500
    ) -> tuple[EventRecord, ...]:
        """Events about one object seen at `since` or later, newest first."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                f"""{_SELECT} WHERE event.cluster = ? AND event.name = ? AND last_seen >= ?
                AND namespace = ? AND kind = ? ORDER BY last_seen DESC LIMIT ?""",
                (cluster_id(connection, cluster), name, since, namespace, kind, limit),
            )
            return tuple(EventRecord(*row) for row in cursor)

    def since(self, cluster: str, since: float, *, limit: int = 5_000) -> tuple[EventRecord, ...]:
        """Events of a cluster seen at `since` or later, newest first: what a restarted program starts from."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                f"{_SELECT} WHERE event.cluster = ? AND last_seen >= ? ORDER BY last_seen DESC LIMIT ?",
                (cluster_id(connection, cluster), since, limit),
            )
            return tuple(EventRecord(*row) for row in cursor)


def about(
    connection: sqlite3.Connection, entity: Entity, since: float, until: float, limit: int
) -> tuple[EventRecord, ...]:
    """Events about an entity, and warnings about objects that belong to it, seen between two times, newest first."""
    # A cluster-scoped object's events lie in whatever namespace the reporter chose.
    place = "AND namespace = :namespace" if entity.namespace else ""
    found: dict[str, EventRecord] = {}
    for prefix, kept in (("", ""), ("owner_", "AND type <> 'Normal'")):
        name = f"{prefix}name" if prefix else "event.name"
        cursor = connection.execute(
            f"""{_SELECT} WHERE event.cluster = :cluster AND {name} = :name AND {name} <> ''
            AND last_seen BETWEEN :since AND :until {place} {kept} AND (:kind = '{_WORKLOAD}' OR {prefix}kind = :kind)
            ORDER BY last_seen DESC LIMIT :limit""",
            {
                "cluster": cluster_id(connection, entity.cluster),
                "name": entity.name,
                "namespace": entity.namespace,
                "kind": entity.kind,
                "since": since,
                "until": until,
                "limit": limit,
            },
        )
        found |= {row[1]: EventRecord(*row) for row in cursor}
    return tuple(sorted(found.values(), key=lambda event: event.last_seen, reverse=True)[:limit])


def put(connection: sqlite3.Connection, names: Names, records: Iterable[EventRecord]) -> None:
    """Add events; of one already stored, the higher count, the wider times and the newer message are kept."""
    connection.executemany(_PUT, (_row(names, record) for record in records))


def _row(names: Names, record: EventRecord) -> tuple[object, ...]:
    return (
        names.cluster(record.cluster),
        clean(record.uid, NAME_LIMIT),
        clean(record.namespace, NAME_LIMIT),
        clean(record.kind, NAME_LIMIT),
        clean(record.name, NAME_LIMIT),
        clean(record.object_uid, NAME_LIMIT),
        clean(record.type, NAME_LIMIT),
        clean(record.reason, NAME_LIMIT),
        clean(record.message),
        record.count,
        record.first_seen,
        record.last_seen,
        clean(record.component, NAME_LIMIT),
        clean(record.owner_kind, NAME_LIMIT),
        clean(record.owner_name, NAME_LIMIT),
    )
