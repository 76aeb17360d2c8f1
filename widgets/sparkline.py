"""A sparkline cell that shows distance from what is expected, so that rows of any unit read alike.

The middle level (`▄`) means "inside the expected band"; above and below it, height is the distance from the band's
edge in half-widths of the band, clipped. A blank is a missing sample, a dot a sample without a band to compare with.

    sparkline(band.values, band.low, band.high, width=24)          # Content
    sparkline(band.values, band.low, band.high, width=24, raw=True)  # the values' own scale
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textual.content import Content, Span

from widgets import palette

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

GLYPHS = "▁▂▃▄▅▆▇█ ·"
"""Eight levels, then the missing sample and the sample without a band."""
MIDDLE = 3
MISSING = 8
UNJUDGED = 9
_EDGES = (-3.0, -1.0, -1e-9, 1e-9, 1.0, 3.0, 7.0)
"""Between the levels, in half-widths beyond the band's edge; two of them lie at the band itself."""


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
    text = "".join(map(GLYPHS.__getitem__, levels.tolist()))
    style = palette.MUTED if over else palette.BAD
    runs = (Span(run.start(), run.end(), style) for run in _RUN.finditer(outside.tobytes()))
    return Content(text, [Span(0, width, palette.FAINT), *runs], width)


def levels_of(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, width: int, *, raw: bool = False
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The level of every cell (an index into `GLYPHS`) and whether it lies outside the band; shapes (width,).

    A cell that covers several samples shows the one farthest from the band: inside the band all are alike, so noise
    does not look jagged, and no excursion is lost.
    """
    import numpy as np

    samples = np.asarray(values, dtype=np.float64)
    if not samples.size:
        return np.full(width, MISSING), np.zeros(width, dtype=np.bool_)
    lower, upper = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        excess = np.maximum(samples - upper, 0.0) - np.maximum(lower - samples, 0.0)
        distance = _per_cell(excess / _half_width(lower, upper), width)
    levels = _raw_levels(samples, width) if raw else np.array(_EDGES).searchsorted(distance)
    unknown = np.isnan(distance)
    if unknown.any():
        levels = levels if raw else np.where(unknown, UNJUDGED, levels)
        levels = np.where(np.isnan(_per_cell(samples, width)), MISSING, levels)
    return levels, np.abs(distance) > 0


def _half_width(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> float:
    """Half of the band's usual width: the unit of distance.

    A band without a width, or open on one side, is measured by a tenth of its edge; one without either by 1.
    """
    import numpy as np

    size = float((upper - lower).sum()) / len(upper)
    if 0 < size < np.inf:
        return size / 2
    for sizes, share in ((upper - lower, 0.5), (np.abs(upper), 0.1), (np.abs(lower), 0.1)):
        usable = sizes[np.isfinite(sizes)]
        if usable.size and 0 < (size := float(usable.mean())) < np.inf:
            return size * share
    return 1.0


def _per_cell(samples: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The sample farthest from zero in each cell's share of the row; few samples are stretched. Shape (width,)."""
    import numpy as np

    starts = np.arange(width) * len(samples) // width
    if width >= len(samples):
        return samples[starts]
    highest, lowest = np.fmax.reduceat(samples, starts), np.fmin.reduceat(samples, starts)
    return np.where(highest + lowest >= 0, highest, lowest)


def _raw_levels(samples: NDArray[np.float64], width: int) -> NDArray[np.intp]:
    """Levels between the smallest and the largest finite sample; a constant row is in the middle."""
    import numpy as np

    finite = samples[np.isfinite(samples)]
    floor, top = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if not 0 < top - floor < np.inf:
        return np.full(width, MIDDLE)
    share = _per_cell((samples.clip(floor, top) - floor) / (top - floor), width)
    return (np.nan_to_num(share) * (MISSING - 1) + 0.5).astype(np.intp)
