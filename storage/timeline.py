"""The timeline of an investigation: everything dated that happened around it, from five origins, in one order."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from storage import events
from storage.codec import ENTITY_COLUMNS, ENTITY_JOIN, NAME_LIMIT, clean, cluster_id, read_entity
from storage.folding import fold
from storage.history import describe, lines_of
from storage.records import TimelineEntry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from storage.connections import Connections

_MARGIN = 3600.0
"""Seconds before the onset and after the end in which an event may belong to the case."""

_BEFORE = 1800.0
"""Seconds before an onset in which a rollout is near; a tenth of it after, since onsets are told by the minute."""

_EVENT_LIMIT = 200
"""Events per entity; the newest ones are kept."""


class Timeline:
    """Reads timelines; cycles write the entries that no other table has (rollouts, changes)."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, investigation: int) -> tuple[TimelineEntry, ...]:
        """Own entries, anomalies that began and ended, events of its objects, and acts: the oldest first."""
        with self._connections.read() as connection:
            return tuple(
                heapq.merge(
                    _own(connection, investigation),
                    sorted(_anomalies(connection, investigation), key=_at),
                    sorted(_events(connection, investigation), key=_at),
                    _acts(connection, investigation),
                    key=_at,
                )
            )

    def after_rollout(self, cluster: str) -> set[int]:
        """The investigations of a cluster with a rollout of theirs in the half hour before their onset."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT DISTINCT timeline.investigation FROM timeline
                JOIN investigation ON investigation.id = timeline.investigation
                WHERE investigation.cluster = ? AND timeline.kind = 'rollout'
                AND timeline.at BETWEEN investigation.onset - ? AND investigation.onset + ?""",
                (cluster_id(connection, cluster), _BEFORE, _BEFORE / 10),
            )
            return {number for (number,) in cursor}


def append(connection: sqlite3.Connection, entries: Iterable[tuple[int, TimelineEntry]]) -> None:
    """Add entries, each with its investigation's id; one that is there already is not added again."""
    connection.executemany(
        "INSERT INTO timeline VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        ((case, entry.at, clean(entry.kind, NAME_LIMIT), clean(entry.text)) for case, entry in entries),
    )


def _at(entry: TimelineEntry) -> float:
    return entry.at


def _own(connection: sqlite3.Connection, investigation: int) -> Iterator[TimelineEntry]:
    cursor = connection.execute(
        "SELECT at, kind, text FROM timeline WHERE investigation = ? ORDER BY at, kind, text", (investigation,)
    )
    return (TimelineEntry(*row) for row in cursor)


def _anomalies(connection: sqlite3.Connection, investigation: int) -> Iterator[TimelineEntry]:
    cursor = connection.execute(
        """SELECT anomaly.onset, anomaly.closed, subject.signal, entity.name, subject.entity = investigation.entity
        FROM anomaly JOIN investigation ON investigation.id = anomaly.investigation
        JOIN subject ON subject.id = anomaly.subject JOIN entity ON entity.id = subject.entity
        WHERE anomaly.investigation = ?""",
        (investigation,),
    )
    for onset, closed, signal, name, own in cursor:
        place = "" if own else f" on {name}"
        yield TimelineEntry(onset, "anomaly", f"{signal} began{place}")
        if closed is not None:
            yield TimelineEntry(closed, "anomaly", f"{signal} ended{place}")


def _events(connection: sqlite3.Connection, investigation: int) -> Iterable[TimelineEntry]:
    """What happened to its objects; that a pod was pulled, created and started is no news, however often."""
    row = connection.execute(
        """SELECT onset, coalesce(ended, updated), entity.name FROM investigation
        JOIN entity ON entity.id = investigation.entity WHERE investigation.id = ?""",
        (investigation,),
    ).fetchone()
    if row is None:
        return ()
    entities = connection.execute(
        f"""SELECT {ENTITY_COLUMNS} FROM (
            SELECT entity FROM investigation WHERE id = :id
            UNION SELECT subject.entity FROM anomaly JOIN subject ON subject.id = anomaly.subject
            WHERE anomaly.investigation = :id) AS involved {ENTITY_JOIN.format(owner="involved")}""",  # noqa: S608
        {"id": investigation},
    ).fetchall()
    found = {
        event.uid: event
        for entity in entities
        for event in events.about(connection, read_entity(entity), row[0] - _MARGIN, row[1] + _MARGIN, _EVENT_LIMIT)
    }
    return fold(found.values(), row[2])


def _acts(connection: sqlite3.Connection, investigation: int) -> Iterator[TimelineEntry]:
    return (TimelineEntry(line.at, line.action, describe(line)) for line in lines_of(connection, investigation))
