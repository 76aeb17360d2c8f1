"""Incidents that a person wrote down: what went wrong and when, whoever noticed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, Names, clean, cluster_id, next_ids
from storage.records import IncidentRecord

if TYPE_CHECKING:
    from storage.connections import Connections


class Incidents:
    """Keeps them; one that was removed counts no more, and stays in the file."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(
        self, cluster: str, workload: str, *, since: float, until: float, note: str, actor: str, at: float
    ) -> IncidentRecord:
        """Write one down.

        Args:
            cluster: where.
            workload: `namespace/name`, or a name alone.
            since: unix seconds: when it began, by what is known afterwards.
            until: unix seconds: when it was over.
            note: in the engineer's words; redact it before.
            actor: who writes it down.
            at: unix seconds of now.

        Raises:
            ValueError: it ends before it begins.
        """
        if until < since:
            raise ValueError(f"an incident cannot end ({until:.0f}) before it begins ({since:.0f})")
        with self._connections.write() as connection:
            (number,) = next_ids(connection, "incident", 1)
            texts = clean(workload, NAME_LIMIT), clean(note), clean(actor, NAME_LIMIT)
            connection.execute(
                """INSERT INTO incident (id, cluster, workload, since, until, note, actor, recorded)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                (number, Names(connection).cluster(cluster), texts[0], since, until, *texts[1:], at),
            )
        return IncidentRecord(number, cluster, texts[0], since, until, texts[1], texts[2], at)

    def remove(self, incident: int, at: float) -> bool:
        """Count it no more; returns whether there was one of that number."""
        with self._connections.write() as connection:
            query = "UPDATE incident SET removed = ? WHERE id = ? AND removed IS NULL"
            return bool(connection.execute(query, (at, incident)).rowcount)

    def of(self, cluster: str, since: float = 0.0) -> tuple[IncidentRecord, ...]:
        """The incidents of a cluster that were not over before `since`, by their begin."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT id, workload, since, until, note, actor, recorded FROM incident
                WHERE cluster = ? AND until >= ? AND removed IS NULL ORDER BY since, id""",
                (cluster_id(connection, cluster), since),
            )
            return tuple(IncidentRecord(row[0], cluster, *row[1:]) for row in cursor)
