"""Investigations: what the engine knows of a case, and what the engineer did about it, merged when read."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from storage import timeline
from storage.codec import (
    ENTITY_COLUMNS,
    ENTITY_JOIN,
    NAME_LIMIT,
    SEVERITIES,
    SEVERITY_CODES,
    clean,
    cluster_id,
    names_json,
    number,
    read_entity,
    read_names,
)
from storage.lease import require_lease_of
from storage.records import InvestigationRecord, Label, Lifecycle, Priority, Verdict

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from detectors.model import Entity
    from storage.codec import Names
    from storage.connections import Connections
    from storage.records import TimelineEntry

Version = tuple[object, ...]
"""Of two versions of one investigation that are equal, nothing is different."""

_LIFECYCLES = (Lifecycle.OPEN, Lifecycle.RECOVERED, Lifecycle.CLOSED)
"""In the order of the schema's generated column."""

_ENGINE = (
    "id", "cluster", "entity", "title", "severity", "score", "onset", "opened", "updated", "ended",
    "signals", "anomalies", "held", "muted",
)  # fmt: skip
"""What a cycle writes; everything else in the table belongs to the engineer or comes from a conclusion."""

_PUT = (
    f"INSERT INTO investigation ({', '.join(_ENGINE)}) VALUES ({', '.join('?' * len(_ENGINE))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in _ENGINE[1:])}"
)

_SELECT = f"""
    SELECT investigation.id, cluster.name, title, severity, score, lifecycle, onset, opened, updated,
        ended, signals, anomalies, held, seen_at, acknowledged_at, acknowledged_by,
        snoozed_until, awaits_rollout, label, label_reason, pinned, muted, verdict, priority, cause, part_of,
        {ENTITY_COLUMNS}
    FROM investigation
    JOIN cluster ON cluster.id = investigation.cluster
    {ENTITY_JOIN.format(owner="investigation")}
"""  # noqa: S608


class Investigations:
    """Reads investigations; cycles and acts write them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def get(self, investigation: int) -> InvestigationRecord | None:
        """One investigation."""
        with self._connections.read() as connection:
            row = connection.execute(_SELECT + "WHERE investigation.id = ?", (investigation,)).fetchone()
            return _read(row) if row else None

    def many(self, investigations: Iterable[int]) -> tuple[InvestigationRecord, ...]:
        """Several investigations, by id; those that are not known are left out."""
        return self._select(_AMONG + " ORDER BY investigation.id", "", ids=str(list(investigations)))

    def muted(self, cluster: str) -> dict[int, int]:
        """How many investigations each rule hides, by the rule's number."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                "SELECT muted, count(*) FROM investigation WHERE cluster = ? AND muted IS NOT NULL GROUP BY muted",
                (cluster_id(connection, cluster),),
            )
            return {int(rule): int(count) for rule, count in cursor}

    def awaiting_rollout(self, cluster: str) -> tuple[InvestigationRecord, ...]:
        """Those whose snooze ends with a rollout."""
        return self._select("WHERE investigation.cluster = :cluster AND awaits_rollout IS NOT NULL", cluster)

    def wake(self, investigations: Iterable[int], now: float) -> None:
        """End the snooze of those that have waited for a rollout."""
        with self._connections.write() as connection:
            connection.execute(
                """UPDATE investigation SET snoozed_until = min(snoozed_until, ?), awaits_rollout = NULL
                WHERE id IN (SELECT value FROM json_each(?))""",
                (now, str(list(investigations))),
            )

    def closed_among(self, investigations: Iterable[int]) -> set[int]:
        """Those of these that the engineer has closed."""
        query = f"SELECT investigation.id FROM investigation {_AMONG} AND lifecycle = :closed"  # noqa: S608
        values = {"ids": str(list(investigations)), "closed": _LIFECYCLES.index(Lifecycle.CLOSED)}
        with self._connections.read() as connection:
            return {number for (number,) in connection.execute(query, values)}

    def open(self, cluster: str) -> tuple[InvestigationRecord, ...]:
        """Every open investigation of a cluster, and every pinned one, by id: what the inbox never leaves out."""
        return self._select(
            """WHERE investigation.id IN (
                SELECT id FROM investigation WHERE cluster = :cluster AND lifecycle = 0
                UNION SELECT id FROM investigation WHERE cluster = :cluster AND pinned)
            ORDER BY investigation.id""",
            cluster,
        )

    def listed(self, cluster: str, *, since: float, limit: int) -> dict[int, Version]:
        """What a list of a cluster shows: all open and pinned ones, and those of the others that were updated last.

        Consequences of others are shown with those.

        Args:
            cluster: whose.
            since: of those that are over, only what was updated at this time or later, unix seconds.
            limit: how many at most have recovered, and how many at most were closed.
        """
        with self._connections.read() as connection:
            values = {"cluster": cluster_id(connection, cluster), "since": since, "limit": limit}
            return {row[0]: row for row in connection.execute(_LISTED, values)}

    def attach(self, roots: Mapping[int, int], entries: Iterable[tuple[int, TimelineEntry]], owner: str = "") -> None:
        """Make cases part of others, or let them stand for themselves again.

        Args:
            roots: by id of a case, that of the case that it is a consequence of; 0 for none.
            entries: what the timelines of cases say of it.
            owner: the process that runs the cycles of their cluster; empty where nobody else can write.

        Raises:
            LeaseError: another process took over the cluster; nothing was stored.
            StoreError: nothing was stored.
        """
        with self._connections.write() as connection:
            if owner and roots:
                require_lease_of(connection, self._connections.path, next(iter(roots)), owner)
            connection.executemany(
                "UPDATE investigation SET part_of = ? WHERE id = ?", ((root, case) for case, root in roots.items())
            )
            timeline.append(connection, entries)

    def attached(self, investigation: int) -> tuple[InvestigationRecord, ...]:
        """The cases that are consequences of this one, by id."""
        return self._select(
            "WHERE part_of > 0 AND part_of = :investigation ORDER BY investigation.id", "", investigation=investigation
        )

    def consequences_of(self, investigations: Iterable[int]) -> dict[int, int]:
        """How many cases are consequences of each of these; those without any are left out."""
        query = """SELECT part_of, count(*) FROM investigation
            WHERE part_of > 0 AND part_of IN (SELECT value FROM json_each(?)) GROUP BY part_of"""
        with self._connections.read() as connection:
            return dict(connection.execute(query, (str(list(investigations)),)).fetchall())

    def ended_since(self, cluster: str, since: float) -> tuple[InvestigationRecord, ...]:
        """Investigations of a cluster whose last anomaly closed at `since` or later, by id."""
        return self._select(
            """WHERE investigation.id IN (SELECT id FROM investigation WHERE ended >= :since AND +cluster = :cluster)
            ORDER BY investigation.id""",
            cluster,
            since=since,
        )

    def opened_since(self, cluster: str, since: float) -> tuple[InvestigationRecord, ...]:
        """Investigations of a cluster that were opened at `since` or later, by id, whatever became of them."""
        return self._select(
            "WHERE +investigation.cluster = :cluster AND investigation.opened >= :since ORDER BY investigation.id",
            cluster,
            since=since,
        )

    def page(
        self,
        cluster: str | None = None,
        *,
        lifecycles: Iterable[Lifecycle] = tuple(Lifecycle),
        since: float = 0.0,
        after: InvestigationRecord | None = None,
        limit: int = 100,
        attached: bool = False,
    ) -> tuple[InvestigationRecord, ...]:
        """Investigations, the most recently updated first.

        Args:
            cluster: only of this one.
            lifecycles: only in these.
            since: only those updated at this time or later, unix seconds.
            after: the last one of the previous page.
            limit: how many at most.
            attached: also those that are consequences of others, which are else shown with those.
        """
        where = "" if cluster is None else "investigation.cluster = :cluster AND "
        where += "" if attached else "investigation.part_of = 0 AND "
        # One ordered walk along an index for each lifecycle, merged: `IN` would make SQLite sort all of them.
        query = f"""WHERE {where} lifecycle = :lifecycle AND updated >= :since
            AND (updated, investigation.id) < (:updated, :id)
            ORDER BY updated DESC, investigation.id DESC LIMIT :limit"""
        last = (math.inf, 0) if after is None else (after.updated, after.id)
        values = {"since": since, "updated": last[0], "id": last[1], "limit": limit}
        walks = [
            self._select(query, cluster or "", **values, lifecycle=_LIFECYCLES.index(lifecycle))
            for lifecycle in dict.fromkeys(lifecycles)
        ]
        return tuple(heapq.merge(*walks, key=lambda record: (-record.updated, -record.id)))[:limit]

    def labelled(
        self, label: Label, cluster: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> tuple[InvestigationRecord, ...]:
        """Investigations with this label, newest first."""
        where = "" if cluster is None else "AND investigation.cluster = :cluster "
        return self._select(
            f"WHERE label = :label AND investigation.id < :before {where}ORDER BY investigation.id DESC LIMIT :limit",
            cluster or "",
            label=label.value,
            before=2**62 if before is None else before,
            limit=limit,
        )

    def about(self, entity: Entity, *, limit: int = 20) -> tuple[InvestigationRecord, ...]:
        """The investigations of one entity, newest first: its past."""
        return self._select(
            f"""WHERE {_IS_ENTITY} ORDER BY investigation.id DESC LIMIT :limit""",
            entity.cluster,
            **_identity(entity),
            limit=limit,
        )

    def _select(self, where: str, cluster: str, **values: object) -> tuple[InvestigationRecord, ...]:
        with self._connections.read() as connection:
            cursor = connection.execute(_SELECT + where, {"cluster": cluster_id(connection, cluster), **values})
            return tuple(_read(row) for row in cursor)


_OVER = """SELECT id FROM (SELECT id FROM investigation
    WHERE cluster = :cluster AND lifecycle = {} AND updated >= :since AND part_of = 0
    ORDER BY updated DESC LIMIT :limit)"""

_LISTED = f"""
    SELECT id, updated, seen_at, acknowledged_at, acknowledged_by, snoozed_until, label, label_reason, pinned,
        closed_at, muted, verdict, priority, cause,
        (SELECT count(*) FROM investigation AS other WHERE other.part_of > 0 AND other.part_of = investigation.id)
    FROM investigation WHERE id IN (
        SELECT id FROM investigation WHERE cluster = :cluster AND lifecycle = 0 AND part_of = 0
        UNION SELECT id FROM investigation WHERE cluster = :cluster AND pinned
        UNION {_OVER.format(1)}
        UNION {_OVER.format(2)})
"""  # noqa: S608

_AMONG = "WHERE investigation.id IN (SELECT value FROM json_each(:ids))"

_IS_ENTITY = """investigation.entity = (
    SELECT id FROM entity WHERE cluster = :cluster AND namespace = :namespace AND name = :name
        AND type = :type AND kind = :kind AND peer = :peer)"""


def _identity(entity: Entity) -> Mapping[str, str]:
    parts = {"namespace": entity.namespace, "name": entity.name, "kind": entity.kind, "peer": entity.peer}
    return {key: clean(part, NAME_LIMIT) for key, part in parts.items()} | {"type": entity.type.value}


def put(connection: sqlite3.Connection, names: Names, records: Sequence[InvestigationRecord]) -> None:
    """Add investigations or bring what the engine knows of them up to date, by id; triage is left alone."""
    connection.executemany(_PUT, [_row(names, record) for record in records])


def _row(names: Names, record: InvestigationRecord) -> tuple[object, ...]:
    ended = record.ended
    if ended is None and record.lifecycle is Lifecycle.RECOVERED:
        ended = record.updated
    return (
        record.id,
        names.cluster(record.cluster),
        names.entity(record.entity),
        clean(record.title, NAME_LIMIT),
        SEVERITY_CODES[record.severity],
        record.score,
        record.onset,
        record.opened,
        record.updated,
        ended,
        names_json(record.signals),
        record.anomalies,
        record.held,
        record.muted,
    )


def _read(row: tuple[Any, ...]) -> InvestigationRecord:
    (identity, cluster, title, severity, score, lifecycle, onset, opened, updated, ended, signals, anomalies, held,
     seen_at, acknowledged_at, acknowledged_by, snoozed_until, awaits_rollout, label, label_reason, pinned, muted,
     verdict, priority, cause, part_of, *entity) = row  # fmt: skip
    return InvestigationRecord(
        id=identity,
        cluster=cluster,
        entity=read_entity(entity),
        title=title,
        severity=SEVERITIES[severity],
        score=number(score),
        lifecycle=_LIFECYCLES[lifecycle],
        onset=onset,
        opened=opened,
        updated=updated,
        ended=ended,
        signals=read_names(signals),
        anomalies=anomalies,
        held=bool(held),
        seen_at=seen_at,
        acknowledged_at=acknowledged_at,
        acknowledged_by=acknowledged_by,
        snoozed_until=snoozed_until,
        awaits_rollout=awaits_rollout,
        label=None if label is None else Label(label),
        label_reason=label_reason,
        pinned=bool(pinned),
        muted=muted,
        verdict=None if verdict is None else Verdict(verdict),
        priority=None if priority is None else Priority(priority),
        cause=cause,
        part_of=part_of,
    )
