"""What is usual for each series at each time of day and week: the detectors' memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import ENTITY_COLUMNS, ENTITY_JOIN, NAME_LIMIT, Names, clean, cluster_id, read_entity
from storage.records import ProfileRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.connections import Connections

_ENTITY_FIELDS = ENTITY_COLUMNS.count(",") + 1


class Profiles:
    """Profiles by (signal, source, entity, part); writing one again replaces it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, cluster: str, signal: str, source: str, records: Iterable[ProfileRecord]) -> None:
        """Store what one source of a signal has taught, all of it or nothing."""
        with self._connections.write() as connection:
            names = Names(connection)
            owner = names.cluster(cluster)
            connection.executemany(
                """INSERT INTO profile VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET until = excluded.until, learnt = excluded.learnt""",
                [
                    (
                        owner,
                        clean(signal, NAME_LIMIT),
                        clean(source, NAME_LIMIT),
                        names.entity(record.entity),
                        clean(record.part, NAME_LIMIT),
                        record.until,
                        record.learnt,
                    )
                    for record in records
                ],
            )

    def of(self, cluster: str, signal: str, source: str) -> tuple[ProfileRecord, ...]:
        """What one source of a signal has taught."""
        with self._connections.read() as connection:
            found = connection.execute(
                f"""SELECT {ENTITY_COLUMNS}, part, until, learnt
                FROM profile {ENTITY_JOIN.format(owner="profile")}
                WHERE profile.cluster = ? AND signal = ? AND source = ?""",  # noqa: S608
                (cluster_id(connection, cluster), signal, source),
            ).fetchall()
        return tuple(ProfileRecord(read_entity(row[:_ENTITY_FIELDS]), *row[_ENTITY_FIELDS:]) for row in found)
