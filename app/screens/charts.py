"""The headline signals of one workload as charts, each with the query that anyone can ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.baselines.shown import HEADLINES
from app.screens.dialog import Dialog
from app.screens.workloads_rows import verdict
from widgets import palette
from widgets.band_chart import BandChart
from widgets.text import multi, plain, quantity, span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from textual.app import ComposeResult

    from app.baselines.shown import Chart, Line

    Wanted = tuple[str, str]
    """`copy` or `browse` with a query, or `case`."""

TITLES = {headline.id: headline.title for headline in HEADLINES}


class ChartsDialog(Dialog["Wanted"]):
    """Answers what is wanted of the chart that has the focus, or that the open case is.

    Args:
        line: the workload.
        charts: its signals that have values.
        case: its open case.
        zone: of the times.
    """

    BINDINGS = [
        Binding("j,down", "app.focus_next", "Next", show=False),
        Binding("k,up", "app.focus_previous", "Previous", show=False),
        Binding("c", "answer('copy')", "Copy", show=False),
        Binding("o", "answer('browse')", "Browse", show=False),
        Binding("enter", "case", "Case", show=False),
    ]

    def __init__(self, line: Line, charts: Sequence[Chart], case: int | None, zone: tzinfo) -> None:
        super().__init__()
        self._line, self._charts, self._case, self._zone = line, charts, case, zone

    def compose(self) -> ComposeResult:
        """The charts above the query of the one that has the focus."""
        with Vertical(classes="dialog -charts") as box:
            box.border_title = plain(f"{self._line.kind} {self._line.title}", 80)
            keys = ["j k choose", "c copies the query", "o browses"] if self._charts else []
            keys += [f"enter opens case #{self._case}"] if self._case is not None else []
            box.border_subtitle = Content("   ".join([*keys, "esc leaves"]))
            if not self._charts:
                yield Static("None of its headline signals has values.", classes="text", markup=False)
                return
            with VerticalScroll(can_focus=False):
                yield from map(self._drawn, self._charts)
            yield Static(classes="query", markup=False)

    def _drawn(self, chart: Chart) -> BandChart:
        from detectors.series import Band

        reading = chart.reading
        value = quantity(reading.value, reading.unit)
        expected = span(chart.low, chart.high, reading.unit, reading.value)
        drawn = BandChart()
        drawn.title = Content.assemble(
            (TITLES[chart.headline], palette.EMPHASIS), f"  {value}  expected {expected}  ", verdict(reading)
        )
        drawn.unit, drawn.zone, drawn.band = reading.unit, self._zone, Band.from_bytes(chart.band)
        return drawn

    def on_descendant_focus(self) -> None:
        """Another chart has the focus: its query is shown."""
        if (chart := self._chosen) is not None:
            self.query_one(".query", Static).update(multi(chart.query))

    @property
    def _chosen(self) -> Chart | None:
        """The chart that has the focus."""
        charts = list(self.query(BandChart))
        return self._charts[charts.index(self.focused)] if isinstance(self.focused, BandChart) else None

    def action_answer(self, answer: str) -> None:
        """Something is wanted of the query."""
        if (chart := self._chosen) is not None:
            self.dismiss((answer, chart.query))

    def action_case(self) -> None:
        """To the open case; without one out."""
        self.dismiss(("case", "") if self._case is not None else None)
