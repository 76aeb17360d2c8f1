"""Records for the widgets to show, with one text in every place that can hold a hostile one."""

from __future__ import annotations

import numpy as np

from detectors.model import Entity, EntityType, Severity, SourceRef
from detectors.series import Band
from storage.records import AnomalyRecord, AnomalyState, EvidenceRecord, Stance, TimelineEntry

NOW = 1_700_000_000.0


def a_band(points: int = 60, onset: int = 50) -> Band:
    """A latency around 0.36 s that leaves its band."""
    times = np.arange(points, dtype=np.int64) * 60 + int(NOW) - (points - 1) * 60
    values = 0.36 + 0.02 * np.sin(np.arange(points) / 5)
    values[onset:] += np.linspace(0.2, 2.0, points - onset)
    values[-1] = 2.41
    return Band(times, values, np.full(points, 0.30), np.full(points, 0.42))


def an_anomaly(number: int = 1, text: str = "shop/checkout", severity: Severity = Severity.HIGH) -> AnomalyRecord:
    return AnomalyRecord(
        id=number,
        cluster="prod",
        investigation=1,
        signal=text,
        entity=Entity(EntityType.WORKLOAD, "prod", "shop", "Deployment", text),
        state=AnomalyState.OPEN,
        severity=severity,
        score=9.4,
        peak_score=9.4,
        observed=2.41,
        low=0.30,
        high=0.42,
        unit="seconds",
        onset=NOW - 240,
        opened=NOW - 200,
        last_seen=NOW,
        closed=None,
        confidence=0.9,
        views=1,
        source=SourceRef("otel", "up"),
        band=a_band().to_bytes(),
    )


def evidence(number: int, stance: Stance, text: str = "3 of 3 new pods out of band") -> EvidenceRecord:
    return EvidenceRecord(
        id=number,
        investigation=1,
        anomaly=None,
        step="detect",
        text=text,
        source="sum(up)",
        value="2.41 s",
        at=NOW,
        recorded=NOW,
        stance=stance,
    )


def entry(at: float, kind: str = "event", text: str = "OOMKilled") -> TimelineEntry:
    return TimelineEntry(at, kind, text)
