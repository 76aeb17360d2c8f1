"""The row under the inbox's cursor: its chart and why it is here; one line of the same where there is little room."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from app.screens.inbox_rows import ending, is_state, short_title
from detectors.model import Views
from detectors.words import counted
from storage.records import AnomalyState
from widgets import palette
from widgets.facts import Facts
from widgets.text import age, clock, plain, quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from textual.widget import Widget

    from app.snapshot import InboxRow
    from storage.records import AnomalyRecord, InvestigationRecord
    from widgets.band_chart import BandChart

VIEWS = {Views.LOCAL: "the minutes before", Views.DAY: "yesterday", Views.WEEK: "a week ago"}

HELD = (
    "what it was seen by cannot be seen now (a source is away, or a node does not report): "
    "neither confirmed nor resolved"
)


def compared(views: int) -> str:
    """What a judgement was compared with, in words."""
    words = [word for view, word in VIEWS.items() if views & view]
    return ", ".join(words) or "the object's own state"


def expectation(anomaly: AnomalyRecord) -> str:
    """What was seen against what was expected; of what is not seen any more, what it was and the farthest it went."""
    if is_state(anomaly):
        return "the object's own state"
    expected = span(anomaly.low, anomaly.high, anomaly.unit, like=anomaly.observed)
    seen = quantity(anomaly.observed, anomaly.unit)
    if anomaly.present:
        return f"{seen}, expected {expected}"
    far = farthest(anomaly)
    return f"was {seen}{'' if far is None else f', {extreme(anomaly, far)}'}, expected {expected}"


def extreme(anomaly: AnomalyRecord, far: float) -> str:
    """The farthest value in words: of what fell below its band it is the lowest."""
    return f"{'lowest' if far < anomaly.low else 'peak'} {quantity(far, anomaly.unit)}"


def farthest(anomaly: AnomalyRecord) -> float | None:
    """The value since its onset that was farthest from the middle of what was expected; None without values."""
    if not anomaly.band:
        return None
    import numpy as np

    from detectors.series import Band

    band = Band.from_bytes(anomaly.band)
    during = (band.times >= anomaly.onset) & (band.times <= anomaly.last_seen) & np.isfinite(band.values)
    if not during.any():
        return None
    ends = [end for end in (anomaly.low, anomaly.high) if np.isfinite(end)]
    values = band.values[during]
    return float(values[np.argmax(np.abs(values - (sum(ends) / len(ends) if ends else 0.0)))])


def fill_chart(chart: BandChart, anomaly: AnomalyRecord, zone: tzinfo) -> None:
    """Draw an anomaly's values."""
    chart.unit, chart.zone = anomaly.unit, zone
    chart.onset = anomaly.onset
    if not anomaly.band:
        chart.band = None
        return
    from detectors.series import Band

    chart.band = Band.from_bytes(anomaly.band)


class Preview(Container):
    """Chart, reasons, and the one line that stands for both; made with the first row, after the first paint."""

    def __init__(self) -> None:
        super().__init__(classes="-empty")
        self._parts: _Parts | None = None
        self._row: InboxRow | None = None
        """What chart and reason are of."""

    def show(self, row: InboxRow | None, now: float, zone: tzinfo) -> None:
        """Another row, or other numbers."""
        self.set_class(row is None, "-empty")
        if row is None:
            return
        self.set_class(not row.worst.band, "-state")
        if self._parts is None:
            self._parts = _Parts.made()
            self.mount(*self._parts.arranged())
        parts, record, worst = self._parts, row.investigation, row.worst
        if row is not self._row:
            # A chart costs as much as all the lines of the list, and most snapshots change nothing about it.
            self._row = row
            fill_chart(parts.chart, worst, zone)
            parts.chart.border_title = plain(f"{record.entity.title}   {short_title(record.title)}", 60)
            reason = Content.assemble(palette.SEVERITY[record.severity].full, "  ", plain(row.reason))
            parts.facts.head = reason
            parts.line.update(reason, layout=False)
        parts.facts.facts = tuple(reasons(row, now, zone))


class _Parts(NamedTuple):
    """What a preview consists of; the style sheet shows what there is room for."""

    chart: BandChart
    facts: Facts
    line: Static

    @classmethod
    def made(cls) -> _Parts:
        """All of them, empty."""
        from widgets.band_chart import BandChart

        chart = BandChart(id="preview-chart")
        chart.can_focus = False
        facts = Facts()
        facts.most = 2
        return cls(chart, facts, Static(id="preview-line", markup=False))

    def arranged(self) -> tuple[Widget, ...]:
        """Beside each other."""
        why = Vertical(self.facts, id="preview-why")
        why.border_title = Content("Why and what next")
        return self.chart, why, self.line


def verdict(record: InvestigationRecord) -> Iterator[Content]:
    """What an investigation came to, and how soon somebody has to look."""
    if record.verdict is not None:
        yield palette.VERDICT[record.verdict].full
    if record.priority is not None:
        yield Content.styled(record.priority.value, palette.PRIORITY[record.priority])


def company(row: InboxRow) -> Iterator[tuple[str, str]]:
    """What else is out of band with it: other cases, other signals."""
    if row.consequences:
        yield "brings", f"{counted(row.consequences, 'other cases')}, shown with it"
    if row.also:
        # A server's and a protocol's own rows have the same short title.
        yield "also", ", ".join(dict.fromkeys(map(short_title, row.also)))


def reasons(row: InboxRow, now: float, zone: tzinfo) -> Iterator[tuple[str, str | Content]]:
    """Why it is here, as names and texts; what is acted on comes first, since the pane may end before the rest."""
    record, worst = row.investigation, row.worst
    if record.verdict is not None:
        yield "verdict", Content(" ").join(verdict(record))
    if record.cause:
        yield "cause", record.cause
    yield "seen" if worst.present else "was", expectation(worst).removeprefix("was ")
    query = worst.source.query
    if query:
        yield "next", f"enter, then c copies its {'command' if query.startswith('kubectl') else 'query'}"
    if record.entity.environment:
        yield "env", record.entity.environment
    if (end := ending(record, row.last_seen)) is None:
        yield "since", f"{clock(record.onset, zone)}, {age(now - record.onset)} ago"
    else:
        yield "lasted", f"{age(end - record.onset)}, {clock(record.onset, zone)} to {clock(end, zone)}"
        yield "over", f"since {clock(record.ended, zone)}, after some evaluations back in band"
    yield "sure", f"{100 * worst.confidence:.0f} %, compared with {compared(worst.views)}"
    if row.likely is not None:
        yield "labels", f"say it is {row.likely:.0%} likely true"
    yield from company(row)
    if worst.state is AnomalyState.HELD:
        yield "held", HELD
    if record.label is not None:
        yield "label", f"{record.label} {record.label_reason}".rstrip()
    if record.snoozed_until is not None and record.snoozed_until > now:
        until = "the next rollout" if record.awaits_rollout is not None else clock(record.snoozed_until, zone)
        yield "snoozed", f"until {until}"
    if query:
        yield "check", query
