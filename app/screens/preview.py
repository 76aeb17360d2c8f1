"""The row under the inbox's cursor: its chart and why it is here; one line of the same where there is little room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from app.screens.inbox_rows import is_state, short_title
from detectors.model import Views
from storage.records import AnomalyState
from widgets import palette
from widgets.band_chart import BandChart
from widgets.facts import Facts
from widgets.text import age, clock, plain, quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from textual.app import ComposeResult

    from app.snapshot import InboxRow
    from storage.records import AnomalyRecord

VIEWS = {Views.LOCAL: "the minutes before", Views.DAY: "yesterday", Views.WEEK: "a week ago"}


def compared(views: int) -> str:
    """What a judgement was compared with, in words."""
    words = [word for view, word in VIEWS.items() if views & view]
    return ", ".join(words) or "the object's own state"


def expectation(anomaly: AnomalyRecord) -> str:
    """What was seen against what was expected."""
    if is_state(anomaly):
        return "the object's own state"
    expected = span(anomaly.low, anomaly.high, anomaly.unit, like=anomaly.observed)
    return f"{quantity(anomaly.observed, anomaly.unit)}, expected {expected}"


def fill_chart(chart: BandChart, anomaly: AnomalyRecord, zone: tzinfo) -> None:
    """Draw an anomaly's values."""
    chart.unit, chart.zone = anomaly.unit, zone
    chart.onset = anomaly.onset
    chart.empty = "An object's state: there are no values to draw."
    if not anomaly.band:
        chart.band = None
        return
    from detectors.series import Band

    chart.band = Band.from_bytes(anomaly.band)


class Preview(Container):
    """Chart, reasons, and the one line that stands for both."""

    def compose(self) -> ComposeResult:
        """All of them; the style sheet shows what there is room for."""
        chart = BandChart(id="preview-chart")
        chart.can_focus = False
        yield chart
        with Vertical(id="preview-why") as why:
            why.border_title = Content("Why and what next")
            yield Static(id="preview-reason", markup=False)
            yield Facts()
        yield Static(id="preview-line", markup=False)

    def show(self, row: InboxRow | None, now: float, zone: tzinfo) -> None:
        """Another row, or other numbers."""
        self.set_class(row is None, "-empty")
        if row is None:
            return
        record, worst = row.investigation, row.worst
        chart = self.query_one(BandChart)
        fill_chart(chart, worst, zone)
        chart.border_title = plain(f"{record.entity.title}   {short_title(record.title)}", 60)
        reason = Content.assemble(palette.SEVERITY[record.severity].full, "  ", plain(row.reason))
        self.query_one("#preview-reason", Static).update(reason)
        self.query_one("#preview-line", Static).update(reason)
        self.query_one(Facts).facts = tuple(reasons(row, now, zone))


def reasons(row: InboxRow, now: float, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """Why it is here, as names and texts."""
    record, worst = row.investigation, row.worst
    yield "seen", expectation(worst)
    if record.entity.environment:
        yield "env", record.entity.environment
    yield "since", f"{clock(record.onset, zone)}, {age(now - record.onset)} ago"
    yield "sure", f"{100 * worst.confidence:.0f} %, compared with {compared(worst.views)}"
    if record.anomalies > 1:
        yield "also", ", ".join(record.signals[1:])
    if worst.state is AnomalyState.HELD:
        yield "held", "its source cannot be seen: neither confirmed nor resolved"
    if record.label is not None:
        yield "label", f"{record.label} {record.label_reason}".rstrip()
    if record.snoozed_until is not None and record.snoozed_until > now:
        yield "snoozed", f"until {clock(record.snoozed_until, zone)}"
    yield "check", worst.source.query
