"""Anomalies: one signal of one entity out of its band, with the numbers and the curve that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import SourceRef
from storage.codec import (
    ENTITY_COLUMNS,
    ENTITY_JOIN,
    SEVERITIES,
    SEVERITY_CODES,
    cluster_id,
    number,
    read_entity,
)
from storage.records import AnomalyRecord, AnomalyState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from storage.codec import Names
    from storage.connections import Connections

_STATES = (AnomalyState.CLOSED, AnomalyState.OPEN, AnomalyState.HELD)
"""Stored as the position in this tuple: never reorder it. Most rows are closed, and 0 takes no space."""

_STATE_CODES = {state: code for code, state in enumerate(_STATES)}

_COLUMNS = (
    "id", "investigation", "subject", "state", "severity", "score", "peak_score", "observed", "low", "high",
    "onset", "opened", "last_seen", "closed", "confidence", "views", "clean_passes", "reopened",
)  # fmt: skip

_THOUSANDTHS = ("score", "peak_score", "confidence")
"""Kept as whole thousandths: three bytes instead of eight, in the largest table. SQLite converts faster than Python."""

_MARKS = ("CAST(round(? * 1000) AS INTEGER)" if column in _THOUSANDTHS else "?" for column in _COLUMNS)

_PUT = (
    f"INSERT INTO anomaly ({', '.join(_COLUMNS)}) VALUES ({', '.join(_MARKS)}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in _COLUMNS[1:])}"
)

_PUT_BAND = "INSERT INTO band VALUES (?, ?) ON CONFLICT (anomaly) DO UPDATE SET data = excluded.data"

_VALUES = (f"anomaly.{column}{' / 1000.0' if column in _THOUSANDTHS else ''}" for column in _COLUMNS)

_SELECT = f"""
    SELECT {", ".join(_VALUES)}, cluster.name,
        subject.signal, subject.unit, subject.convention, subject.query, band.data, {ENTITY_COLUMNS}
    FROM anomaly
    JOIN investigation ON investigation.id = anomaly.investigation
    JOIN cluster ON cluster.id = investigation.cluster
    JOIN subject ON subject.id = anomaly.subject
    {ENTITY_JOIN.format(owner="subject")}
    LEFT JOIN band ON band.anomaly = anomaly.id
"""  # noqa: S608

_WITHOUT_BAND = _SELECT.replace("band.data", "x''").replace("LEFT JOIN band ON band.anomaly = anomaly.id", "")
"""Many anomalies' curves are many bytes."""


class Anomalies:
    """Reads anomalies; cycles write them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def unresolved(self, cluster: str) -> tuple[AnomalyRecord, ...]:
        """Every anomaly of a cluster that is open or held, by id."""
        # The plus signs, here and below, keep SQLite from the cluster's index: it would walk all of its past.
        return self._select(
            """WHERE anomaly.id IN (SELECT id FROM anomaly WHERE state > 0) AND +investigation.cluster = :cluster
            ORDER BY anomaly.id""",
            cluster=cluster,
        )

    def closed_since(self, cluster: str, since: float) -> tuple[AnomalyRecord, ...]:
        """Anomalies of a cluster that closed at `since` or later, by id: those that can be reopened."""
        return self._select(
            """WHERE anomaly.closed >= :since AND anomaly.state = 0 AND anomaly.investigation IN (
                SELECT id FROM investigation WHERE +cluster = :cluster AND ended >= :since
                UNION ALL SELECT id FROM investigation WHERE cluster = :cluster AND lifecycle = 0
                UNION ALL SELECT id FROM investigation WHERE cluster = :cluster AND lifecycle = 2 AND ended IS NULL)
            ORDER BY anomaly.id""",
            cluster=cluster,
            since=since,
        )

    def of(self, investigation: int) -> tuple[AnomalyRecord, ...]:
        """The anomalies of one investigation: the worst first, then by onset."""
        return self._select(
            """WHERE anomaly.investigation = :investigation
            ORDER BY anomaly.severity DESC, anomaly.peak_score DESC, anomaly.onset, anomaly.id""",
            investigation=investigation,
        )

    def members_of(self, investigations: Sequence[int]) -> dict[int, list[AnomalyRecord]]:
        """The anomalies of several investigations, by investigation; those without any are left out."""
        members: dict[int, list[AnomalyRecord]] = {}
        for record in self._select(
            "WHERE anomaly.investigation IN (SELECT value FROM json_each(:ids)) ORDER BY anomaly.id",
            ids=str(list(investigations)),
        ):
            members.setdefault(record.investigation, []).append(record)
        return members

    def opened_since(self, cluster: str, since: float) -> tuple[AnomalyRecord, ...]:
        """The anomalies of a cluster's investigations that were opened at `since` or later, by id; without bands."""
        return self._select(
            "WHERE investigation.opened >= :since AND +investigation.cluster = :cluster ORDER BY anomaly.id",
            cluster=cluster,
            since=since,
            select=_WITHOUT_BAND,
        )

    def worst_of(self, investigations: Sequence[int]) -> dict[int, AnomalyRecord]:
        """The anomaly that a list shows for each investigation: unresolved before closed, then severity and score."""
        worst: dict[int, AnomalyRecord] = {}
        for record in self._select(
            """WHERE anomaly.investigation IN (SELECT value FROM json_each(:ids))
            ORDER BY anomaly.state > 0 DESC, anomaly.severity DESC, anomaly.score DESC, anomaly.id""",
            ids=str(list(investigations)),
        ):
            worst.setdefault(record.investigation, record)
        return worst

    def last_seen_of(self, investigations: Sequence[int]) -> dict[int, float]:
        """The data time at which any anomaly of each investigation was last out of band."""
        with self._connections.read() as connection:
            return dict(
                connection.execute(
                    """SELECT investigation, max(last_seen) FROM anomaly
                    WHERE investigation IN (SELECT value FROM json_each(:ids)) GROUP BY investigation""",
                    {"ids": str(list(investigations))},
                ).fetchall()
            )

    def _select(
        self, where: str, cluster: str = "", select: str = _SELECT, **values: object
    ) -> tuple[AnomalyRecord, ...]:
        with self._connections.read() as connection:
            cursor = connection.execute(select + where, {"cluster": cluster_id(connection, cluster), **values})
            return tuple(_read(row) for row in cursor)


def put(connection: sqlite3.Connection, names: Names, records: Iterable[AnomalyRecord]) -> None:
    """Add anomalies or bring them up to date, by id."""
    records = tuple(records)
    connection.executemany(_PUT, _rows(names, records))
    connection.executemany(_PUT_BAND, ((record.id, record.band) for record in records if record.band))


def _rows(names: Names, records: Iterable[AnomalyRecord]) -> Iterator[tuple[object, ...]]:
    for record in records:
        yield (
            record.id,
            record.investigation,
            names.subject(record.entity, record.signal, record.unit, record.source),
            _STATE_CODES[record.state],
            SEVERITY_CODES[record.severity],
            record.score,
            record.peak_score,
            record.observed,
            record.low,
            record.high,
            record.onset,
            record.opened,
            record.last_seen,
            record.closed,
            record.confidence,
            int(record.views),
            record.clean_passes,
            record.reopened,
        )


def _read(row: tuple[Any, ...]) -> AnomalyRecord:
    (identity, investigation, _subject, state, severity, score, peak, observed, low, high,
     onset, opened, last_seen, closed, confidence, views, clean_passes, reopened,
     cluster, signal, unit, convention, query, band, *entity) = row  # fmt: skip
    return AnomalyRecord(
        id=identity,
        cluster=cluster,
        investigation=investigation,
        signal=signal,
        entity=read_entity(entity),
        state=_STATES[state],
        severity=SEVERITIES[severity],
        score=number(score),
        peak_score=number(peak),
        observed=number(observed),
        low=number(low),
        high=number(high),
        unit=unit,
        onset=onset,
        opened=opened,
        last_seen=last_seen,
        closed=closed,
        confidence=number(confidence),
        views=views,
        source=SourceRef(convention, query),
        clean_passes=clean_passes,
        reopened=reopened,
        band=band or b"",
    )
