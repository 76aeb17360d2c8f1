"""The inbox's columns and what its filter sees of a row, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from detectors.model import Views
from widgets import palette
from widgets.rows import Column
from widgets.sparkline import sparkline
from widgets.text import age, clean, quantity, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.snapshot import InboxRow
    from storage.records import AnomalyRecord

HIDDEN_STATES = frozenset({"snoozed", "closed"})
"""Not in the inbox unless asked for: they were dealt with."""


def short_title(title: str) -> str:
    """A signal's title without its group: the list has little room."""
    return title.rpartition(": ")[2]


def signal_cell(row: InboxRow, width: int) -> str:
    """What is wrong, and how many other signals say so too."""
    others = row.investigation.anomalies - 1
    more = f" +{others}" if others > 0 else ""
    return clean(short_title(row.investigation.title), width - len(more), middle=False) + more


def spark_cell(row: InboxRow, width: int) -> Content:
    """The last values against their band; object states have none."""
    if not row.worst.band:
        return Content.styled("-", palette.MUTED)
    from detectors.series import Band

    band = Band.from_bytes(row.worst.band)
    return sparkline(band.values, band.low, band.high, width)


def label_cell(row: InboxRow) -> Content:
    """The label, once there is one."""
    label = row.investigation.label
    return palette.LABEL[label].sign if label else Content("")


def is_state(anomaly: AnomalyRecord) -> bool:
    """Whether it is an object's state, so that its numbers would help nobody."""
    return bool(anomaly.views & Views.STATE)


def observed_cell(anomaly: AnomalyRecord) -> str:
    """What was seen."""
    return "" if is_state(anomaly) else quantity(anomaly.observed, anomaly.unit)


def expected_cell(anomaly: AnomalyRecord) -> str:
    """What was expected, in the scale of what was seen."""
    return "" if is_state(anomaly) else span(anomaly.low, anomaly.high, anomaly.unit, anomaly.observed)


def columns(now: Callable[[], float]) -> Sequence[Column[InboxRow]]:
    """The columns; ages and states are told as of the snapshot shown."""
    return (
        Column("severity", "S", lambda row, _: palette.SEVERITY[row.investigation.severity].sign, 2,
               sort=lambda row: row.investigation.severity.rank, descending=True),
        Column("pin", "P", lambda row, _: "^" if row.investigation.pinned else "", 1, priority=6),
        Column("workload", "WORKLOAD", lambda row, _: row.investigation.entity.title, 15, flex=5, limit=44,
               sort=lambda row: row.investigation.entity.title),
        Column("signal", "SIGNAL", signal_cell, 17, flex=4, limit=30, sort=lambda row: row.investigation.title),
        Column("past", "RECENT", spark_cell, 11, flex=3, limit=24, priority=3),
        Column("now", "NOW", lambda row, _: observed_cell(row.worst), 8, right=True, priority=2),
        Column("expected", "EXPECTED", lambda row, _: expected_cell(row.worst), 14, priority=5),
        Column("score", "SCORE", lambda row, _: f"{row.investigation.score:.1f}", 5, right=True, priority=7,
               sort=lambda row: row.investigation.score, descending=True),
        Column("age", "AGE", lambda row, _: age(now() - row.investigation.onset), 4, right=True,
               sort=lambda row: now() - row.investigation.onset),
        Column("label", "L", lambda row, _: label_cell(row), 1, sort=lambda row: row.investigation.label or "~"),
        Column("state", "STATE", lambda row, _: palette.STATE[row.investigation.state(now())].label, 9,
               sort=lambda row: row.investigation.state(now())),
    )  # fmt: skip


def fields(row: InboxRow, now: float) -> dict[str, str]:
    """What a filter sees."""
    record = row.investigation
    return {
        "namespace": record.entity.namespace,
        "workload": record.entity.title,
        "kind": record.entity.kind,
        "signal": " ".join(record.signals),
        "title": record.title,
        "severity": record.severity,
        "state": record.state(now),
        "label": record.label or "",
        "id": str(record.id),
    }
