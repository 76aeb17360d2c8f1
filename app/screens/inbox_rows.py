"""The inbox's columns and what its filter sees of a row, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from detectors.model import Views
from widgets import palette
from widgets.rows import Column
from widgets.sparkline import sparkline
from widgets.text import age, quantity, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.snapshot import InboxRow
    from storage.records import AnomalyRecord

HIDDEN_STATES = frozenset({"snoozed", "closed"})
"""Not in the inbox unless asked for: they were dealt with."""


def short_title(title: str) -> str:
    """A signal's title without its group: the list has little room."""
    return title.rpartition(": ")[2]


def signal_cell(row: InboxRow) -> str:
    """What is wrong, and how many other signals say so too."""
    others = row.investigation.anomalies - 1
    return f"{short_title(row.investigation.title)} +{others}" if others > 0 else short_title(row.investigation.title)


def spark_cell(row: InboxRow, width: int) -> Content:
    """The last values against their band; object states have none."""
    if not row.worst.band:
        return Content.styled("-", palette.MUTED)
    from detectors.series import Band

    band = Band.from_bytes(row.worst.band)
    return sparkline(band.values, band.low, band.high, width)


def state_cell(row: InboxRow, now: float) -> Content:
    """Its state, and the label once there is one."""
    state = palette.STATE[row.investigation.state(now)].label
    label = row.investigation.label
    return Content.assemble(state, " ", palette.LABEL[label].sign) if label else state


def is_state(anomaly: AnomalyRecord) -> bool:
    """Whether it is an object's state, so that its numbers would help nobody."""
    return bool(anomaly.views & Views.STATE)


def columns(now: Callable[[], float]) -> Sequence[Column[InboxRow]]:
    """The columns; ages and states are told as of the snapshot shown."""
    return (
        Column("severity", "S", lambda row, _: palette.SEVERITY[row.investigation.severity].sign, 2,
               sort=lambda row: row.investigation.severity.rank, descending=True),
        Column("pin", "P", lambda row, _: "^" if row.investigation.pinned else "", 1, priority=6),
        Column("workload", "WORKLOAD", lambda row, _: row.investigation.entity.title, 16, flex=5, limit=44,
               sort=lambda row: row.investigation.entity.title),
        Column("signal", "SIGNAL", lambda row, _: signal_cell(row), 14, flex=4, limit=30,
               sort=lambda row: row.investigation.title),
        Column("past", "LAST HOUR", spark_cell, 12, flex=3, limit=24, priority=3),
        Column("now", "NOW", lambda row, _: "" if is_state(row.worst) else quantity(row.worst.observed, row.worst.unit), 8,
               right=True, priority=2),
        Column("expected", "EXPECTED", lambda row, _: "" if is_state(row.worst) else
               span(row.worst.low, row.worst.high, row.worst.unit, like=row.worst.observed), 14, priority=5),
        Column("score", "SCORE", lambda row, _: f"{row.investigation.score:.1f}", 5, right=True, priority=7,
               sort=lambda row: row.investigation.score, descending=True),
        Column("age", "AGE", lambda row, _: age(now() - row.investigation.onset), 4, right=True,
               sort=lambda row: now() - row.investigation.onset),
        Column("state", "STATE", lambda row, _: state_cell(row, now()), 9,
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
