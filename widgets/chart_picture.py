"""How a chart is drawn into cells: value line, band, reference, axes, marks.

The only module that imports plotext, which keeps its figure in module globals: draw on the UI thread only. plotext
draws the lines in braille; the axes, the band and the colours are ours, because its own are fixed to its palette.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Any

from textual.content import Content

from widgets import palette
from widgets.text import alike, clean, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.series import Band, FloatArray, TimeArray

BLANK = "\N{BRAILLE PATTERN BLANK}"
_TINT = " on $primary-muted"
_HATCH = "░"
"""The band without colours."""
_SIGN = "▲"


@dataclass(frozen=True, slots=True)
class ChartMark:
    """Something that happened, at the foot of the chart."""

    at: float
    """Unix seconds."""
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What one drawing of a chart depends on."""

    band: Band
    unit: str = ""
    zone: tzinfo = UTC
    onset: float | None = None
    marks: tuple[ChartMark, ...] = ()
    reference: FloatArray | None = None
    cursor: int | None = None
    """Index of the sample under the inspect cursor."""
    hatched: bool = False
    """Show the band by a character rather than a background."""


def draw(picture: Picture, width: int, height: int) -> list[Content]:
    """The chart in exactly that many lines of at most that many cells; the smaller, the fewer its axes.

    Below the plot: the time axis from 4 lines on, marks from 6 on. Left of it: three labels where there is room.
    """
    if width <= 0 or height <= 0:
        return []
    marked = height >= 6 and (picture.marks or picture.onset is not None)
    rows = height - (2 if height >= 4 else 0) - (1 if marked else 0)
    labels = _labels(picture, rows) if width >= 24 else [""] * rows
    left = max((len(label) for label in labels), default=0)
    columns = width - left - (1 if left else 0)
    joint = "┤" if left else ""
    plot = _plot(picture, columns, rows)
    lines = [
        Content.assemble((f"{label:>{left}}{joint}", palette.MUTED), line)
        for label, line in zip(labels, plot, strict=True)
    ]
    margin = width - columns
    if height >= 4:
        lines += [Content(" " * margin) + line for line in _time_axis(picture, columns)]
    if marked:
        lines.append(Content(" " * margin) + _mark_line(picture, columns))
    return lines


def _labels(picture: Picture, rows: int) -> list[str]:
    """Values at the top, the middle and the bottom row, blanks between."""
    from widgets.chart_scale import scale_of

    band = picture.band
    scale = scale_of(band.values, band.low, band.high)
    wanted = sorted({0, rows // 2, rows - 1}) if rows >= 5 else [0]
    told = dict(zip(wanted, alike([scale.at(row, rows) for row in wanted], picture.unit), strict=True))
    return [told.get(row, "") for row in range(rows)]


def _plot(picture: Picture, width: int, height: int) -> list[Content]:
    """The cells of the plot: the line over the reference over the band."""
    from widgets.chart_scale import band_cells, columns_of, outside_columns, scale_of

    band = picture.band
    if not len(band.times) or width <= 0:
        return [Content("")] * height
    scale = scale_of(band.values, band.low, band.high)
    line = _braille(scale.height(band.values), width, height)
    ghost = [""] * height if picture.reference is None else _braille(scale.height(picture.reference), width, height)
    outside = outside_columns(band, width).tolist()
    inside = band_cells(band, scale, width, height).tolist()
    cursor = -1
    if picture.cursor is not None:
        cursor = int(abs(columns_of(len(band.times), width) - picture.cursor).argmin())
    lines = []
    for row in range(height):
        cells = [
            _cell(
                line[row][x],
                ghost[row][x] if ghost[row] else " ",
                inside[row][x],
                outside[x],
                x == cursor,
                picture.hatched,
            )
            for x in range(width)
        ]
        runs = groupby(cells, key=lambda cell: cell[1])
        lines.append(Content.assemble(*(("".join(glyph for glyph, _ in run), style) for style, run in runs)))
    return lines


def _cell(value: str, ghost: str, inside: bool, outside: bool, cursor: bool, hatched: bool) -> tuple[str, str]:
    """Glyph and style of one cell."""
    if value != " ":
        glyph, style = value, palette.BAD if outside else palette.ACCENT
    elif ghost != " ":
        glyph, style = ghost, palette.MUTED
    else:
        glyph, style = (_HATCH, palette.MUTED) if inside and hatched else (" ", "")
    if inside and not hatched:
        style += _TINT
    return glyph, f"{style} reverse" if cursor else style


def _braille(heights: FloatArray, width: int, height: int) -> list[str]:
    """A line of shares of the height as rows of braille, blanks where nothing is drawn; gaps are breaks."""
    import numpy as np

    from widgets.chart_scale import reduced

    plotext: Any = importlib.import_module("plotext")

    x, y = reduced(heights, width)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limitsize(False, False)
    plotext.plotsize(width, height)
    for axes in (plotext.xaxes, plotext.yaxes):
        axes(False, False)
    plotext.xfrequency(0)
    plotext.yfrequency(0)
    plotext.xlim(0, width)
    plotext.ylim(0, 1)
    known = np.flatnonzero(np.isfinite(y))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if run.size:
            plotext.plot(x[run].tolist(), y[run].tolist(), marker="braille")
    if not known.size:
        return [" " * width] * height
    rows: list[str] = plotext.uncolorize(plotext.build()).replace(BLANK, " ").split("\n")
    return [row.ljust(width)[:width] for row in rows[:height]]


def _time_axis(picture: Picture, width: int) -> list[Content]:
    """The axis with ticks, and local times below them, the newest at the right end."""
    from widgets.chart_scale import columns_of

    times = picture.band.times
    if not len(times) or width < 6:
        return [Content("─" * width), Content("")]
    count = max(1, min(6, width // 14))
    ticks = [round(number * (width - 1) / count) for number in range(count + 1)] if width >= 14 else [width - 1]
    axis, below = ["─"] * width, [" "] * width
    at = columns_of(len(times), width)
    for tick in ticks:
        axis[tick] = "┬"
        label = clock(float(times[at[tick]]), picture.zone)
        start = min(max(0, tick - len(label) // 2), width - len(label))
        below[start : start + len(label)] = label
    return [Content.styled("".join(line), palette.MUTED) for line in (axis, below)]


def _mark_line(picture: Picture, width: int) -> Content:
    """A sign under each mark's column; texts beside them, those of neighbours joined: what came just before what."""
    onset = picture.onset
    begun = [] if onset is None else [ChartMark(onset, f"onset {clock(onset, picture.zone)}")]
    placed = [(_column(picture.band.times, mark.at, width), mark) for mark in (*picture.marks, *begun)]
    signs = sorted(((column, mark.at, clean(mark.text, 24)) for column, mark in placed if column is not None))
    line = [" "] * width
    free = 0
    for first, last, text in _neighbours(signs):
        for column in {column for column, _, _ in signs if first <= column <= last}:
            line[column] = _SIGN
        start = next((at for at in (last + 1, first - len(text)) if free <= at <= width - len(text)), None)
        if start is not None:
            line[start : start + len(text)] = text
        free = max(last, (start or 0) + len(text)) + 1
    return Content.styled("".join(line), palette.DOUBTFUL)


def _neighbours(signs: list[tuple[int, float, str]]) -> Iterator[tuple[int, int, str]]:
    """First and last column of marks so near that their texts would run into each other, and those texts as one."""
    group: list[tuple[int, float, str]] = []
    for sign in signs:
        if group and sign[0] > group[-1][0] + len(_joined(group)) + 1:
            yield group[0][0], group[-1][0], _joined(group)
            group = []
        group.append(sign)
    if group:
        yield group[0][0], group[-1][0], _joined(group)


def _joined(group: list[tuple[int, float, str]]) -> str:
    """The texts of a group; of many, the first and the last."""
    texts = list(dict.fromkeys(text for _, _, text in group))
    return ", ".join(texts if len(texts) <= 2 else (texts[0], "...", texts[-1]))


def _column(times: TimeArray, at: float, width: int) -> int | None:
    """The column of an instant; None outside of what is shown."""
    if not len(times) or not times[0] <= at <= times[-1]:
        return None
    share = (at - float(times[0])) / max(1.0, float(times[-1] - times[0]))
    return min(width - 1, int(share * width))
