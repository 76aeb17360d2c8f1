"""What became of rollouts: the verification of each, brought up to date until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage import timeline
from storage.codec import Names, cluster_id
from storage.lease import require_lease
from storage.records import VerificationRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.model import Entity
    from storage.connections import Connections
    from storage.records import TimelineEntry

_read = msgspec.json.Decoder(VerificationRecord).decode


class Verifications:
    """Reads and writes verifications."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def write(
        self, record: VerificationRecord, entries: Iterable[tuple[int, TimelineEntry]] = (), owner: str = ""
    ) -> None:
        """Store the verification of a rollout in place of what is known of it.

        Args:
            record: what it came to so far.
            entries: what it says on the timelines of cases, by their ids.
            owner: the process that runs the cycles of the cluster; empty where nobody else can write.

        Raises:
            LeaseError: another process took over the cluster; nothing was stored.
            StoreError: nothing was stored.
        """
        with self._connections.write() as connection:
            names = Names(connection)
            if owner:
                require_lease(connection, self._connections.path, names.cluster(record.cluster), owner)
            connection.execute(
                "INSERT OR REPLACE INTO verification VALUES (?, ?, ?, ?, ?, ?)",
                (
                    names.cluster(record.cluster),
                    names.entity(record.entity),
                    record.began,
                    record.at,
                    record.outcome.value,
                    msgspec.json.encode(record),
                ),
            )
            timeline.append(connection, entries)

    def of(self, entity: Entity, since: float = 0.0) -> tuple[VerificationRecord, ...]:
        """The rollouts of a workload, whatever signal of it is asked about, that began at `since` or later; newest
        first.
        """
        query = """SELECT body FROM verification JOIN entity ON entity.id = verification.entity
            WHERE verification.cluster = :cluster AND entity.namespace = :namespace AND entity.name = :name
                AND entity.kind = :kind AND began >= :since ORDER BY began DESC"""
        with self._connections.read() as connection:
            values = {"namespace": entity.namespace, "name": entity.name, "kind": entity.kind, "since": since}
            rows = connection.execute(query, values | {"cluster": cluster_id(connection, entity.cluster)})
            return tuple(_read(row[0]) for row in rows)

    def recent(self, cluster: str | None, since: float = 0.0, limit: int = 100) -> tuple[VerificationRecord, ...]:
        """The rollouts of a cluster, or of all, that began at `since` or later: the newest first."""
        where = "" if cluster is None else "cluster = :cluster AND "
        query = f"SELECT body FROM verification WHERE {where}began >= :since ORDER BY began DESC LIMIT :limit"  # noqa: S608
        with self._connections.read() as connection:
            known = {} if cluster is None else {"cluster": cluster_id(connection, cluster)}
            rows = connection.execute(query, {"since": since, "limit": limit, **known})
            return tuple(_read(row[0]) for row in rows)
