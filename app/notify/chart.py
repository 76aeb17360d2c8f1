"""The chart of a case as a PNG: the gravest anomaly's recent values, their expected band and the onset."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.redaction import redact
from detectors.series import Band
from widgets.chart_scale import scale_of
from widgets.text import quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.series import FloatArray, TimeArray
    from storage.records import AnomalyRecord
    from widgets.chart_scale import Scale

WIDTH, HEIGHT = 1000, 360
_LEFT, _TOP, _RIGHT, _BOTTOM = 110, 48, 980, 316
_PAPER, _INK, _FAINT = "#ffffff", "#1c2430", "#8d99ae"
_BAND, _LINE, _ONSET = "#d7e3f4", "#2257a5", "#d40e0d"
_LABEL, _TITLE = 16, 20
"""Pixels of the letters."""

Point = tuple[float, float]


class Chart(NamedTuple):
    """A picture and what it shows, for who cannot see it."""

    png: bytes
    title: str
    text: str


def chart_of(anomalies: Sequence[AnomalyRecord]) -> Chart | None:
    """The chart of a case; None where none of its anomalies has values to draw.

    Args:
        anomalies: of the case, the gravest first.
    """
    lead = next((anomaly for anomaly in anomalies if anomaly.band), None)
    if lead is None:
        return None
    band = Band.from_bytes(lead.band)
    title = redact(f"{lead.entity.title}: {lead.signal}")
    first, last = _clock(band.times[0]), _clock(band.times[-1])
    seen, expected = quantity(lead.observed, lead.unit), span(lead.low, lead.high, lead.unit, like=lead.observed)
    text = f"{title}, {first} to {last} UTC: {seen}, expected {expected}, since {_clock(lead.onset)}"
    return Chart(_drawn(band, lead, title), title, text)


def _drawn(band: Band, lead: AnomalyRecord, title: str) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    scale = scale_of(band.values, band.low, band.high)
    _expected(draw, band, scale)
    _axes(draw, band, scale, lead.unit)
    for run in _runs(_points(band.times, band.values, scale)):
        draw.line(run, fill=_LINE, width=3, joint="curve")
    where = (lead.onset - band.times[0]) / max(1, band.times[-1] - band.times[0])
    if 0 <= where <= 1:
        across = _LEFT + where * (_RIGHT - _LEFT)
        draw.line([(across, _TOP), (across, _BOTTOM)], fill=_ONSET, width=2)
        draw.text((across + 6, _TOP), "onset", fill=_ONSET, font=ImageFont.load_default(_LABEL))
    draw.text((_LEFT, 12), _fitting(title), fill=_INK, font=ImageFont.load_default(_TITLE))
    written = BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _expected(draw: ImageDraw.ImageDraw, band: Band, scale: Scale) -> None:
    """The band, where there is one; an end that it does not have is the edge of the chart."""
    low, high = _points(band.times, band.low, scale), _points(band.times, band.high, scale)
    known = ~(np.isnan(band.low) & np.isnan(band.high))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if end - first > 1:
            over = [(x, max(y, _TOP) if y == y else _TOP) for x, y in high[first:end]]
            under = [(x, min(y, _BOTTOM) if y == y else _BOTTOM) for x, y in low[first:end]]
            draw.polygon([*over, *reversed(under)], fill=_BAND)


def _axes(draw: ImageDraw.ImageDraw, band: Band, scale: Scale, unit: str) -> None:
    letters = ImageFont.load_default(_LABEL)
    for share in (0.0, 0.5, 1.0):
        height = _BOTTOM - share * (_BOTTOM - _TOP)
        draw.line([(_LEFT, height), (_RIGHT, height)], fill=_FAINT, width=1)
        value = scale.bottom + share * (scale.top - scale.bottom)
        draw.text((_LEFT - 8, height), quantity(value, unit), fill=_INK, font=letters, anchor="rm")
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        at = band.times[0] + share * (band.times[-1] - band.times[0])
        across = _LEFT + share * (_RIGHT - _LEFT)
        draw.text((across, _BOTTOM + 10), f"{_clock(at)} UTC", fill=_INK, font=letters, anchor=anchor)


def _points(times: TimeArray, values: FloatArray, scale: Scale) -> list[Point]:
    """Pixels of values; NaN for a gap."""
    across = _LEFT + (times - times[0]) / max(1, times[-1] - times[0]) * (_RIGHT - _LEFT)
    down = _BOTTOM - scale.height(values) * (_BOTTOM - _TOP)
    return [(float(x), float(y)) for x, y in zip(across, down, strict=True)]


def _runs(points: Iterable[Point]) -> list[list[Point]]:
    """Points between gaps; one that stands alone is drawn as a short line."""
    runs: list[list[Point]] = [[]]
    for x, y in points:
        if y == y:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run if len(run) > 1 else [*run, (run[0][0] + 3, run[0][1])] for run in runs if run]


def _fitting(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= 90 else f"{printable[:89]}…"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(float(at), UTC).strftime("%H:%M")
