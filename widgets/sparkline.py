"""A sparkline cell that shows distance from what is expected, so that rows of any unit read alike.

The middle level (`▄`) means "inside the expected band"; above and below it, height is the distance from the band's
edge in half-widths of the band, clipped. A blank is a missing sample, a dot a sample without a band to compare with.

    sparkline(band.values, band.low, band.high, width=24)          # Content
    sparkline(band.values, band.low, band.high, width=24, raw=True)  # the values' own scale
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from textual.content import Content, Span

from widgets import palette
from widgets.levels import MIDDLE, MISSING, levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

GLYPHS = "▁▂▃▄▅▆▇█ ·"
"""Eight levels, then the missing sample and the sample without a band."""

_RUN = re.compile(rb"\x01+")


def sparkline(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, width: int, *, raw: bool = False, over: bool = False
) -> Content:
    """One row's recent past in `width` cells; cells outside the band are emphasised.

    Args:
        values: Shape (T,); NaN where there is no sample. Infinite values are clipped to the outermost level.
        low: Shape (T,): lower edge of the band; NaN where none is known, minus infinity where there is no lower limit.
        high: Shape (T,).
        width: Cells.
        raw: Heights on the values' own scale instead of by distance from the band.
        over: What left the band is history: told apart, but without alarm.
    """
    if width <= 0:
        return Content("")
    levels, outside = levels_of(values, low, high, width, raw=raw)
    return _drawn(levels.tolist(), outside.tobytes(), over=over)


def from_levels(levels: Sequence[int], outside: Sequence[bool], width: int) -> Content:
    """The same from levels that were made elsewhere; in fewer cells each shows the one farthest from the band."""
    starts = [cell * len(levels) // width for cell in range(width + 1)]
    shares = (range(start, max(end, start + 1)) for start, end in pairwise(starts)) if levels else ()
    cells = [max(share, key=lambda at: _distance(levels[at])) for share in shares]
    return _drawn([levels[at] for at in cells], bytes(outside[at] for at in cells))


def _distance(level: int) -> int:
    """How far a level is from the middle; what is missing is less than anything."""
    return abs(level - MIDDLE) if level < MISSING else MISSING - 1 - level


def _drawn(levels: Sequence[int], outside: bytes, *, over: bool = False) -> Content:
    """Glyphs; the cells that `outside` marks with ones are emphasised."""
    text = "".join(map(GLYPHS.__getitem__, levels))
    style = palette.MUTED if over else palette.BAD
    runs = (Span(run.start(), run.end(), style) for run in _RUN.finditer(outside))
    return Content(text, [Span(0, len(levels), palette.FAINT), *runs], len(levels))
