"""Labels with what they judged: the engineer's words, and the scores and context as they were at that moment.

Rows are only ever added. An investigation's label may be changed and taken back; valid is what it has now, with the
newest context that was kept for these words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from storage.codec import ENTITY_COLUMNS, ENTITY_JOIN, NAME_LIMIT, SEVERITIES, clean, cluster_id, number, read_entity
from storage.records import Label, LabelRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

    from storage.connections import Connections
    from storage.records import HistoryRecord

DetectorOf = Callable[[str, str], str]
"""Signal and convention to the name of the detector that judged it."""

_JUDGED = (
    "subject, severity, score, peak_score, observed, low, high, confidence, views, onset, opened, last_seen, reopened"
)
"""What is copied from the anomaly."""
_FROM = ", ".join(f"anomaly.{column}" for column in _JUDGED.split(", "))

_SELECT = f"""
    SELECT label.id, label.investigation, anomaly, at, actor, label.label, reason, subject.signal, detector,
        subject.convention, label.severity, label.score / 1000.0, peak_score / 1000.0, observed, low, high,
        confidence / 1000.0, views, label.onset, label.opened, last_seen, reopened, label.verdict, {ENTITY_COLUMNS}
    FROM label
    JOIN investigation ON investigation.id = label.investigation
    JOIN subject ON subject.id = label.subject
    {ENTITY_JOIN.format(owner="subject")}
"""  # noqa: S608

_VALID = """
    label.label = investigation.label AND label.reason = investigation.label_reason AND NOT EXISTS (
        SELECT 1 FROM label AS newer WHERE newer.investigation = label.investigation AND newer.anomaly = label.anomaly
            AND newer.label = label.label AND newer.reason = label.reason AND newer.id > label.id)
"""


def nobody(signal: str, convention: str) -> str:  # noqa: ARG001
    """No detector is known."""
    return ""


class Labels:
    """Reads labels; `storage.history` writes them with the act that gives them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def valid(self, cluster: str, since: float = 0.0) -> tuple[LabelRecord, ...]:
        """What of a cluster's anomalies is labelled now, of investigations opened at `since` or later, by age."""
        where = f"WHERE investigation.cluster = ? AND investigation.opened >= ? AND {_VALID} ORDER BY label.id"
        with self._connections.read() as connection:
            cursor = connection.execute(_SELECT + where, (cluster_id(connection, cluster), since))
            return tuple(_read(row) for row in cursor)

    def of(self, investigation: int) -> tuple[LabelRecord, ...]:
        """Every label that the anomalies of an investigation ever got, the oldest first."""
        with self._connections.read() as connection:
            cursor = connection.execute(_SELECT + "WHERE label.investigation = ? ORDER BY label.id", (investigation,))
            return tuple(_read(row) for row in cursor)


def append(connection: sqlite3.Connection, lines: Sequence[HistoryRecord], detector_of: DetectorOf) -> None:
    """Keep what the lines of a label act judged: every anomaly of their investigations as it is now."""
    for line in lines:
        label = line.after["label"]
        if label is None:
            continue
        judged = connection.execute(
            """SELECT anomaly.id, subject.signal, subject.convention FROM anomaly
            JOIN subject ON subject.id = anomaly.subject WHERE anomaly.investigation = ? ORDER BY anomaly.id""",
            (line.investigation,),
        ).fetchall()
        connection.executemany(
            f"""INSERT INTO label (
                history, anomaly, at, actor, label, reason, detector, investigation, verdict, {_JUDGED})
            SELECT ?, anomaly.id, ?, ?, ?, ?, ?, anomaly.investigation, coalesce(investigation.verdict, ''), {_FROM}
            FROM anomaly JOIN investigation ON investigation.id = anomaly.investigation WHERE anomaly.id = ?""",  # noqa: S608
            [
                (line.id, line.at, line.actor, label, line.after["label_reason"], detector, anomaly)
                for anomaly, signal, convention in judged
                for detector in (clean(detector_of(signal, convention), NAME_LIMIT),)
            ],
        )


def _read(row: tuple[Any, ...]) -> LabelRecord:
    (identity, investigation, anomaly, at, actor, label, reason, signal, detector, convention, severity, score, peak,
     observed, low, high, confidence, views, onset, opened, last_seen, reopened, verdict, *entity) = row  # fmt: skip
    return LabelRecord(
        id=identity,
        investigation=investigation,
        anomaly=anomaly,
        at=at,
        actor=actor,
        label=Label(label),
        reason=reason,
        signal=signal,
        detector=detector,
        entity=read_entity(entity),
        convention=convention,
        severity=SEVERITIES[severity],
        score=number(score),
        peak_score=number(peak),
        observed=number(observed),
        low=number(low),
        high=number(high),
        confidence=number(confidence),
        views=views,
        onset=onset,
        opened=opened,
        last_seen=last_seen,
        reopened=reopened,
        verdict=verdict,
    )
