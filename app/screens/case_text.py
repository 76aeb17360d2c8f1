"""An investigation in words: its headline, the marks on its chart, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from app.screens.inbox_rows import ending, lasting, state_of
from storage.records import TimelineEntry
from widgets import palette
from widgets.band_chart import ChartMark
from widgets.text import age, clean, clock, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from storage.records import AnomalyRecord, EvidenceRecord, HistoryRecord, InvestigationRecord

CHANGES = frozenset({"rollout", "deploy", "hpa", "scale", "config", "node", "change"})
"""Kinds of the timeline that can be causes: they are marked on the chart."""


def headline(record: InvestigationRecord, anomalies: Sequence[AnomalyRecord], now: float, zone: tzinfo) -> Content:
    """One line: number, severity, what and where, since when, state and label."""
    parts = [
        Content.styled(f"#{record.id}", palette.MUTED),
        palette.SEVERITY[record.severity].full,
        plain(record.entity.title, 44, palette.EMPHASIS),
        plain(record.title, 48),
        Content(duration(record, anomalies, now, zone)),
        palette.STATE[state_of(record, anomalies, now)].label,
    ]
    if record.acknowledged_at is not None:
        parts.append(plain(f"by {record.acknowledged_by}", 20))
    if record.label is not None:
        parts.append(palette.LABEL[record.label].full)
    if record.pinned:
        parts.append(Content.styled("pinned", palette.MUTED))
    return Content("  ").join(parts)


def duration(record: InvestigationRecord, anomalies: Sequence[AnomalyRecord], now: float, zone: tzinfo) -> str:
    """Since when, or from when until the last value out of band, and how long."""
    last_seen = max((anomaly.last_seen for anomaly in anomalies), default=now)
    begun, length = clock(record.onset, zone), age(lasting(record, last_seen, now))
    if (end := ending(record, last_seen)) is None:
        return f"since {begun} ({length})"
    return f"{begun} to {clock(end, zone)}, lasted {length}"


def newest(evidence: Iterable[EvidenceRecord], zone: tzinfo) -> str:
    """Evidence as lines of text, newest first: what stands where there are no values to draw."""
    lines = sorted(evidence, key=lambda record: record.at or record.recorded, reverse=True)
    told = ((clock(line.at, zone), clean(line.text), clean(line.value)) for line in lines)
    return "\n".join("  ".join(filter(None, parts)) for parts in told)


def changes(timeline: Iterable[TimelineEntry]) -> tuple[ChartMark, ...]:
    """What may have caused it, for the chart."""
    return tuple(ChartMark(entry.at, f"{entry.kind} {clock(entry.at)}") for entry in timeline if entry.kind in CHANGES)


def done(history: Iterable[HistoryRecord]) -> list[TimelineEntry]:
    """What was done, by whom."""
    return [
        TimelineEntry(line.at, line.actor, line.action if line.undoes is None else f"undo: {line.action}")
        for line in history
    ]
