"""Values against their expected band as SVG: drawn without a script, in the colours of the page around it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.redaction import redact
from detectors.series import Band
from widgets.text import alike, clean, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.export.document import Chart
    from detectors.series import BoolArray, FloatArray

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 10, 22
"""Room for the axes."""
TICKS = 4


class _Frame(NamedTuple):
    """From times and values to places."""

    x: FloatArray
    """Of every instant."""
    low: float
    high: float

    def y(self, values: FloatArray) -> FloatArray:
        """Places of values; what lies outside stands at the edge."""
        share = (np.clip(values, self.low, self.high) - self.low) / (self.high - self.low)
        placed: FloatArray = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        return placed


def svg(chart: Chart) -> str:
    """The picture; empty where there is no finite value."""
    band = Band.from_bytes(chart.band)
    known = np.isfinite(band.values)
    if not known.any():
        return ""
    frame = _frame(band, known)
    title = escape(clean(redact(chart.title)))
    return "\n".join(
        (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
            f"<title>{title}</title>",
            *_axes(band, frame, chart.unit),
            *_band(band, frame),
            *_values(band, frame, known),
            *_onset(band, frame, chart.onset),
            "</svg>",
        )
    )


def _frame(band: Band, known: BoolArray) -> _Frame:
    edges = np.concatenate((band.values[known], band.low[np.isfinite(band.low)], band.high[np.isfinite(band.high)]))
    low, high = float(edges.min()), float(edges.max())
    if low == high:
        low, high = low - 1.0, high + 1.0
    x = LEFT + np.linspace(0.0, 1.0, len(band.times)) * (WIDTH - LEFT - RIGHT)
    return _Frame(x, low, high)


def _axes(band: Band, frame: _Frame, unit: str) -> Iterator[str]:
    levels = np.linspace(frame.low, frame.high, TICKS)
    for level, text in zip(levels, alike(levels.tolist(), unit), strict=True):
        y = float(frame.y(np.array([level]))[0])
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(clean(text))}</text>'
    for place in np.linspace(0, len(band.times) - 1, TICKS).astype(int):
        anchor = "end" if place == len(band.times) - 1 else "start" if place == 0 else "middle"
        time = clock(float(band.times[place]))
        yield f'<text x="{frame.x[place]:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{time}</text>'


def _band(band: Band, frame: _Frame) -> Iterator[str]:
    """Where values were expected; an edge that does not exist is the frame's."""
    low = np.where(np.isfinite(band.low), band.low, frame.low)
    high = np.where(np.isfinite(band.high), band.high, frame.high)
    for run in _runs(np.isfinite(band.low) | np.isfinite(band.high)):
        upper, lower = _points(frame, high, run), _points(frame, low, run)
        yield f'<polygon class="band" points="{" ".join((*upper, *reversed(lower)))}"/>'


def _values(band: Band, frame: _Frame, known: BoolArray) -> Iterator[str]:
    for run in _runs(known):
        points = _points(frame, band.values, run)
        # A sample between two gaps is a dot.
        points = points * 2 if len(points) == 1 else points
        yield f'<polyline class="value" points="{" ".join(points)}"/>'


def _onset(band: Band, frame: _Frame, onset: float) -> Iterator[str]:
    if band.times[0] <= onset <= band.times[-1]:
        x = float(np.interp(onset, band.times, frame.x))
        yield f'<line class="onset" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'


def _points(frame: _Frame, values: FloatArray, run: slice) -> list[str]:
    return [f"{x:.1f},{y:.1f}" for x, y in zip(frame.x[run], frame.y(values[run]), strict=True)]


def _runs(known: BoolArray) -> Iterator[slice]:
    """Stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(np.int8)))
    return (slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2))
