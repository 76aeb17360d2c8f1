"""What containers used, one row for each day: the advisor's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import ENTITY_COLUMNS, ENTITY_JOIN, NAME_LIMIT, Names, clean, cluster_id, read_entity
from storage.records import UsageRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from storage.connections import Connections

_FROM = f"""
    SELECT {ENTITY_COLUMNS}, series.container, series.resource, series.source, day, first, last, points, peak, peak_at,
        peak_pod, hours, sketch
    FROM usage_day JOIN usage_series AS series ON series.id = usage_day.series {ENTITY_JOIN.format(owner="series")}
    WHERE series.cluster = ?
"""  # noqa: S608
_ENTITY_FIELDS = ENTITY_COLUMNS.count(",") + 1


class UsageDays:
    """Days by (entity, container, resource, source); writing one again replaces it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, cluster: str, records: Iterable[UsageRecord]) -> None:
        """Store days of a cluster, as the session calls it, all of them or none."""
        with self._connections.write() as connection:
            names = Names(connection)
            owner = names.cluster(cluster)
            for record in records:
                connection.execute(
                    """INSERT INTO usage_day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET first = excluded.first, last = excluded.last, points = excluded.points,
                        peak = excluded.peak, peak_at = excluded.peak_at, peak_pod = excluded.peak_pod,
                        hours = excluded.hours, sketch = excluded.sketch""",
                    (
                        _series(connection, names, owner, record),
                        record.day,
                        record.first,
                        record.last,
                        record.points,
                        record.peak,
                        record.peak_at,
                        clean(record.peak_pod, NAME_LIMIT),
                        record.hours,
                        record.sketch,
                    ),
                )

    def day(self, cluster: str, source: str, day: int) -> tuple[UsageRecord, ...]:
        """All that a source told of one day."""
        return tuple(self._select(cluster, "AND series.source = ? AND day = ?", (source, day)))

    def days(self, cluster: str, source: str, resource: str) -> frozenset[int]:
        """The days of which a source has told of a resource, as unix seconds."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT DISTINCT day FROM usage_day JOIN usage_series AS series ON series.id = usage_day.series
                WHERE series.cluster = ? AND source = ? AND resource = ?""",
                (cluster_id(connection, cluster), source, resource),
            )
            return frozenset(int(row[0]) for row in cursor)

    def since(self, cluster: str, day: int) -> Iterator[UsageRecord]:
        """Every day of a cluster from one on; those of one container's resource come one after the other."""
        yield from self._select(
            cluster, "AND day >= ? ORDER BY series.entity, container, resource, source, day", (day,)
        )

    def _select(self, cluster: str, where: str, values: tuple[object, ...]) -> Iterator[UsageRecord]:
        with self._connections.read() as connection:
            for row in connection.execute(_FROM + where, (cluster_id(connection, cluster), *values)):
                yield UsageRecord(read_entity(row[:_ENTITY_FIELDS]), *row[_ENTITY_FIELDS:])


def _series(connection: sqlite3.Connection, names: Names, cluster: int, record: UsageRecord) -> int:
    texts = (clean(text, NAME_LIMIT) for text in (record.container, record.resource, record.source))
    key = (cluster, names.entity(record.entity), *texts)
    found = connection.execute(
        """SELECT id FROM usage_series
        WHERE cluster = ? AND entity = ? AND container = ? AND resource = ? AND source = ?""",
        key,
    ).fetchone()
    if found is not None:
        return int(found[0])
    added = connection.execute(
        "INSERT INTO usage_series (cluster, entity, container, resource, source) VALUES (?, ?, ?, ?, ?)", key
    )
    return int(added.lastrowid or 0)
