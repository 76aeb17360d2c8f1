"""A chart of one signal: its values as a line, the expected band behind them, and what happened when.

    chart = BandChart()
    chart.title, chart.unit, chart.zone = plain("shop/checkout latency p99"), "seconds", zone
    chart.band = Band.from_bytes(worst.band)            # None: `empty` is shown
    chart.onset = worst.onset
    chart.marks = (ChartMark(at, "rollout v2.14"),)
    chart.reference = same_minutes_yesterday            # shape (T,), optional

With the focus: left and right inspect, `+` and `_` zoom, `H` and `L` pan, `0` shows everything again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from widgets import palette
from widgets.chart_picture import ChartMark, Picture, draw
from widgets.message import WidgetMessage
from widgets.text import NOTHING, clean, clock, plain, quantity, span

if TYPE_CHECKING:
    from detectors.series import Band, FloatArray

__all__ = ["BandChart", "ChartMark", "readout"]

LEAST_POINTS = 4
"""Zooming in ends here."""


def readout(band: Band, index: int, unit: str, zone: tzinfo = UTC) -> str:
    """What is under the inspect cursor: `12:39:15  value 2.38 s  expected 0.30-0.42 s  +467 %`."""
    value, low, high = (float(array[index]) for array in (band.values, band.low, band.high))
    shown = quantity(value, unit) if value == value else "no sample"
    text = (
        f"{clock(float(band.times[index]), zone, seconds=True)}  value {shown}  expected {span(low, high, unit, value)}"
    )
    edge = high if value > high else low if value < low else None
    if edge and abs(edge) != float("inf") and abs(value) != float("inf"):
        text += f"  {(value - edge) / abs(edge):+.0%} beyond".replace("%", " %")
    return text


class BandChart(Widget, can_focus=True):
    """A chart with zoom, pan and an inspect cursor."""

    DEFAULT_CSS = """
    BandChart { height: 1fr; min-height: 1; color: $foreground; background: $surface; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "inspect(-1)", "Earlier", id="chart.earlier", show=False),
        Binding("right", "inspect(1)", "Later", id="chart.later", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="chart.zoom-in", show=False),
        Binding("underscore", "zoom(-1)", "Zoom out", id="chart.zoom-out", show=False),
        Binding("H", "pan(-1)", "Pan left", id="chart.pan-left", show=False),
        Binding("L", "pan(1)", "Pan right", id="chart.pan-right", show=False),
        Binding("v", "toggle_inspect", "Inspect", id="chart.inspect", show=False),
        Binding("0", "live", "All, up to now", id="chart.live", show=False),
    ]

    band: reactive[Band | None] = reactive(None, always_update=True)
    """What to draw; None shows `empty`."""
    title: reactive[Content | None] = reactive(None)
    """A line above the chart."""
    unit: reactive[str] = reactive("")
    """The catalogue's unit of the values."""
    zone: reactive[tzinfo] = reactive(UTC)
    """The zone that times are shown in."""
    onset: reactive[float | None] = reactive(None)
    """Unix seconds."""
    marks: reactive[tuple[ChartMark, ...]] = reactive(())
    """Changes and other dated things."""
    reference: reactive[FloatArray | None] = reactive(None, always_update=True)
    """Shape (T,): the same minutes of another day, drawn dimly behind the values."""
    empty: reactive[str] = reactive("no values to draw")
    """What to say without a band: why there is nothing to draw."""
    cursor: reactive[int | None] = reactive(None)
    """Index into the band of the sample that is inspected."""
    window: reactive[tuple[int, int] | None] = reactive(None)
    """First and one past the last index shown; None shows all."""

    class Inspected(WidgetMessage):
        """The inspect cursor is on another sample, or off."""

        def __init__(self, control: BandChart, index: int | None) -> None:
            super().__init__(control)
            self.index = index

    def validate_cursor(self, cursor: int | None) -> int | None:
        """Stay on the samples."""
        count = self._count
        return None if cursor is None or not count else min(max(cursor, 0), count - 1)

    def watch_band(self) -> None:
        """Another series may be shorter."""
        self.cursor = self.validate_cursor(self.cursor)
        if self.window is not None and self.window[1] > self._count:
            self.window = None

    def watch_cursor(self, cursor: int | None) -> None:
        """Tell where the cursor is."""
        self.post_message(self.Inspected(self, cursor))

    def render(self) -> Content:
        """Title, chart and readout, as far as there is room."""
        width, height = self.size
        lines: list[Content] = []
        if self.title is not None and height >= 6:
            lines.append(self.title.truncate(width, ellipsis=True))
        if self.band is None or not self._count:
            told = [plain(line, style=palette.MUTED).wrap(max(1, width)) for line in self.empty.splitlines()]
            return Content("\n").join([*lines, *(part for line in told for part in line)][: max(1, height)])
        below = [self._readout(width)] if self.cursor is not None and height >= 3 else []
        lines += draw(self._picture(self.band), width, height - len(lines) - len(below))
        return Content("\n").join(lines + below)

    def action_inspect(self, step: int) -> None:
        """Move the inspect cursor; the first press puts it on the newest sample."""
        start, stop = self._shown
        if self.cursor is None:
            self.cursor = stop - 1
        else:
            self.cursor = min(max(self.cursor + step, start), stop - 1)

    def action_toggle_inspect(self) -> None:
        """Inspect, or stop inspecting."""
        self.cursor = None if self.cursor is not None else self._shown[1] - 1

    def action_zoom(self, direction: int) -> None:
        """Half (1) or twice (-1) as many samples, around the cursor or up to the newest."""
        start, stop = self._shown
        count = max(LEAST_POINTS, (stop - start) // 2 if direction > 0 else (stop - start) * 2)
        centre = stop - count // 2 if self.cursor is None else self.cursor
        self._show(centre - count // 2, count)

    def action_pan(self, direction: int) -> None:
        """A quarter of what is shown to the left (-1) or right (1)."""
        start, stop = self._shown
        self._show(start + direction * max(1, (stop - start) // 4), stop - start)

    def action_live(self) -> None:
        """Show everything again, without a cursor."""
        self.window, self.cursor = None, None

    def _show(self, start: int, count: int) -> None:
        start = max(0, min(start, self._count - count))
        self.window = None if count >= self._count else (start, start + count)

    @property
    def _count(self) -> int:
        return 0 if self.band is None else len(self.band.times)

    @property
    def _shown(self) -> tuple[int, int]:
        return self.window or (0, self._count)

    def _readout(self, width: int) -> Content:
        """The line of numbers under the cursor."""
        if self.band is None or self.cursor is None:
            return Content(NOTHING)
        text = readout(self.band, self.cursor, self.unit, self.zone)
        return Content.styled(clean(text, width, middle=False), palette.EMPHASIS)

    def _picture(self, band: Band) -> Picture:
        """What is drawn of the band's shown part."""
        start, stop = self._shown
        shown = slice(start, stop)
        part = replace(
            band, times=band.times[shown], values=band.values[shown], low=band.low[shown], high=band.high[shown]
        )
        reference = self.reference
        fits = reference is not None and len(reference) == len(band.times)
        return Picture(
            part,
            self.unit,
            self.zone,
            self.onset,
            self.marks,
            reference[start:stop] if reference is not None and fits else None,
            None if self.cursor is None or not start <= self.cursor < stop else self.cursor - start,
            hatched=self.app.no_color or self.app.current_theme.ansi,
        )
