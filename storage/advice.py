"""What the advisor said of a cluster's requests and limits when it last looked; kept apart from anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors.model import Confidence, Sizing, SourceRef
from storage.codec import (
    ENTITY_COLUMNS,
    ENTITY_JOIN,
    NAME_LIMIT,
    SEVERITIES,
    SEVERITY_CODES,
    Names,
    clean,
    cluster_id,
    number,
    read_entity,
)
from storage.records import AdviceCoverage, AdviceRecord, AdviceRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.connections import Connections

_FROM = f"""
    SELECT {ENTITY_COLUMNS}, signal, container, resource, bound, outcome, severity, confidence, current, observed,
        statistic, peak, peak_at, worst_pod, suggestion, saving, replicas, span, points, reason, convention, query
    FROM advice {ENTITY_JOIN.format(owner="advice")} WHERE advice.cluster = ? ORDER BY advice.rowid
"""  # noqa: S608
_ENTITY_FIELDS = ENTITY_COLUMNS.count(",") + 1
_read_coverage = msgspec.json.Decoder(tuple[AdviceCoverage, ...]).decode


class AdviceBook:
    """The last run's advice for each cluster."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def replace(self, run: AdviceRun, records: Iterable[AdviceRecord]) -> None:
        """Store a run in place of the one before, as a whole or not at all; the order is kept."""
        with self._connections.write() as connection:
            names = Names(connection)
            cluster = names.cluster(run.cluster)
            connection.execute("DELETE FROM advice WHERE cluster = ?", (cluster,))
            marks = ", ".join("?" * 23)
            connection.executemany(
                f"INSERT INTO advice VALUES ({marks})",  # noqa: S608
                [_values(cluster, names, record) for record in records],
            )
            coverage = msgspec.json.encode(run.coverage).decode()
            connection.execute(
                "INSERT OR REPLACE INTO advice_run VALUES (?, ?, ?, ?)",
                (cluster, run.at, run.seconds, clean(coverage, len(coverage))),
            )

    def of(self, cluster: str) -> tuple[AdviceRecord, ...]:
        """What was said of a cluster, in the order in which it was stored."""
        with self._connections.read() as connection:
            cursor = connection.execute(_FROM, (cluster_id(connection, cluster),))
            return tuple(_record(cluster, row) for row in cursor)

    def last(self, cluster: str) -> AdviceRun | None:
        """The last run."""
        with self._connections.read() as connection:
            row = connection.execute(
                "SELECT at, seconds, coverage FROM advice_run WHERE cluster = ?", (cluster_id(connection, cluster),)
            ).fetchone()
            return AdviceRun(cluster, row[0], row[1], _read_coverage(row[2])) if row else None


def _values(cluster: int, names: Names, record: AdviceRecord) -> tuple[object, ...]:
    return (
        cluster,
        clean(record.signal, NAME_LIMIT),
        names.entity(record.entity),
        clean(record.container, NAME_LIMIT),
        record.resource,
        record.bound,
        record.outcome.value,
        SEVERITY_CODES[record.severity],
        record.confidence.value,
        record.current,
        record.observed,
        record.statistic,
        record.peak,
        record.peak_at,
        clean(record.worst_pod, NAME_LIMIT),
        record.suggestion,
        record.saving,
        record.replicas,
        record.span,
        record.points,
        clean(record.reason),
        clean(record.source.convention, NAME_LIMIT),
        clean(record.source.query),
    )


def _record(cluster: str, row: tuple[Any, ...]) -> AdviceRecord:
    entity = read_entity(row[:_ENTITY_FIELDS])
    signal, container, resource, bound, outcome, severity, confidence, current, observed, *rest = row[_ENTITY_FIELDS:]
    statistic, peak, peak_at, worst_pod, suggestion, saving, replicas, span, points, reason, convention, query = rest
    return AdviceRecord(
        cluster=cluster,
        signal=signal,
        entity=entity,
        container=container,
        resource=resource,
        bound=bound,
        outcome=Sizing(outcome),
        severity=SEVERITIES[severity],
        confidence=Confidence(confidence),
        current=number(current),
        observed=number(observed),
        statistic=statistic,
        peak=number(peak),
        peak_at=number(peak_at),
        worst_pod=worst_pod,
        suggestion=number(suggestion),
        saving=number(saving),
        replicas=replicas,
        span=span,
        points=points,
        reason=reason,
        source=SourceRef(convention, query),
    )
