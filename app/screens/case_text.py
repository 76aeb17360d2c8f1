"""An investigation in words: its headline, the marks on its chart, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from app.screens.inbox_rows import ending, lasting, short_title, state_of
from storage.records import TimelineEntry, Verdict
from widgets import palette
from widgets.band_chart import ChartMark
from widgets.text import age, clean, clock, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from storage.records import AnomalyRecord, Conclusion, EvidenceRecord, HistoryRecord, InvestigationRecord

OPEN = frozenset({Verdict.REAL, Verdict.INCONCLUSIVE})
"""Verdicts that leave something to do: how soon takes a reason."""
GAP = "  "
LEAST = 12
"""Cells that a name keeps, however little room there is."""
CHANGES = frozenset({"rollout", "deploy", "hpa", "scale", "config", "node", "change"})
"""Kinds of the timeline that can be causes: they are marked on the chart."""


def headline(
    record: InvestigationRecord, anomalies: Sequence[AnomalyRecord], now: float, zone: tzinfo, width: int
) -> Content:
    """One line: number, severity, where and what, since when, state and label; names give way to the rest."""
    head = [Content.styled(f"#{record.id}", palette.MUTED), palette.SEVERITY[record.severity].full]
    state = palette.STATE[state_of(record.state(now), anomalies)]
    parts = [Content(duration(record, anomalies, now, zone)), state.label]
    if record.acknowledged_at is not None:
        parts.append(plain(f"by {record.acknowledged_by}", 20))
    if record.label is not None:
        parts.append(palette.LABEL[record.label].full)
    if record.pinned:
        parts.append(Content.styled("pinned", palette.MUTED))
    taken = sum(part.cell_length + len(GAP) for part in (*head, *parts))
    return Content(GAP).join([*head, *names(record, width - taken - len(GAP)), *parts])


def finding(conclusion: Conclusion | None) -> Content:
    """What the investigation came to, in a line: verdict, priority, why, how wide it is."""
    if conclusion is None:
        return Content.styled("being investigated", palette.MUTED)
    parts = [
        palette.VERDICT[conclusion.verdict].full,
        Content.styled(conclusion.priority.value, palette.PRIORITY[conclusion.priority]),
        plain(conclusion.reason, style=palette.EMPHASIS),
    ]
    if conclusion.verdict in OPEN and conclusion.priority_reason not in conclusion.reason:
        parts.append(plain(f"({conclusion.priority_reason})", style=palette.MUTED))
    return Content(GAP).join([*parts, plain(f"scope: {conclusion.scope}", style=palette.MUTED)])


def names(record: InvestigationRecord, room: int) -> tuple[Content, Content]:
    """Where and what in that many cells: the group of the signal goes first, then the middle of the workload's name."""
    where, what = plain(record.entity.title, 44, palette.EMPHASIS), plain(record.title, 48)
    if where.cell_length + what.cell_length > room:
        what = plain(short_title(record.title), 48)
        where = plain(record.entity.title, min(44, max(LEAST, room - what.cell_length)), palette.EMPHASIS)
    return where, plain(what.plain, max(LEAST, room - where.cell_length))


def duration(record: InvestigationRecord, anomalies: Sequence[AnomalyRecord], now: float, zone: tzinfo) -> str:
    """Since when, or from when until the last value out of band, and how long."""
    last_seen = max((anomaly.last_seen for anomaly in anomalies), default=now)
    begun, length = clock(record.onset, zone), age(lasting(record, last_seen, now))
    if (end := ending(record, last_seen)) is None:
        return f"since {begun} ({length})"
    return f"{begun} to {clock(end, zone)} ({length})"


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
