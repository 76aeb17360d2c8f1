"""From samples to the columns and rows of a chart: pure functions on arrays, without drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.series import Band, BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the lower and the upper edge of a chart."""

    bottom: float
    top: float

    def height(self, values: FloatArray) -> FloatArray:
        """Values as shares of the chart's height, 0 at the bottom; halved first, so that no difference overflows."""
        room = self.top / 2 - self.bottom / 2
        return np.asarray((values / 2 - self.bottom / 2) / room, dtype=np.float64)

    def at(self, row: int, rows: int) -> float:
        """A value that lies in a row, the first at the top: the edges' own in the outermost rows, evenly between."""
        share = row / max(1, rows - 1)
        return self.top * (1 - share) + self.bottom * share


def scale_of(*arrays: FloatArray) -> Scale:
    """A scale that shows every finite value with a little air, from zero where zero is near."""
    finite = np.concatenate([array[np.isfinite(array)] for array in arrays]) if arrays else np.empty(0)
    if not finite.size:
        return Scale(0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    room = high / 2 - low / 2 or abs(high) / 4 or 0.5
    limit = float(np.finfo(np.float64).max)
    bottom = 0.0 if 0 <= low <= room else max(low - room * 0.1, -limit)
    return Scale(bottom, max(min(high + room * 0.1, limit), bottom + 1e-300))


def reduced(values: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """At most two samples per column, the smallest and the largest in their order: no peak is lost.

    Args:
        values: Shape (T,); what is not finite is a gap.
        width: Columns.

    Returns:
        Positions in columns and values, equally long; NaN values where a gap begins.
    """
    samples = np.where(np.isfinite(values), values, np.nan)
    count = len(samples)
    if count <= 2 * width:
        return np.arange(0.5, count) * (width / max(1, count)), samples
    starts = np.arange(width) * count // width
    lowest, highest = np.fmin.reduceat(samples, starts), np.fmax.reduceat(samples, starts)
    # A column rises when its last finite sample lies nearer to its largest one.
    last = samples[np.append(starts[1:], count) - 1]
    rising = ~(np.abs(last - lowest) < np.abs(last - highest))
    pairs: FloatArray = np.stack([np.where(rising, lowest, highest), np.where(rising, highest, lowest)], axis=1)
    return np.arange(0.25, width, 0.5), pairs.reshape(-1)


def columns_of(count: int, width: int) -> NDArray[np.intp]:
    """The sample shown in the middle of every column, shape (width,)."""
    return np.minimum(((np.arange(width) + 0.5) * count / width).astype(np.intp), count - 1)


def band_cells(band: Band, scale: Scale, width: int, height: int) -> BoolArray:
    """Which cells of the chart lie in the expected band; shape (height, width), the first row at the top.

    An edge that is infinite reaches the end of the chart; where an edge is NaN there is no band.
    """
    at = columns_of(len(band.times), width)
    low, high = scale.height(band.low[at]) * height, scale.height(band.high[at]) * height
    floors = (height - 1 - np.arange(height))[:, np.newaxis]
    cells = (floors < np.maximum(high, low + 1e-9)) & (floors + 1 > low)
    return np.asarray(cells & ~np.isnan(low) & ~np.isnan(high))


def outside_columns(band: Band, width: int) -> BoolArray:
    """Columns that show a sample outside the band, shape (width,)."""
    with np.errstate(invalid="ignore"):
        outside = (band.values < band.low) | (band.values > band.high)
    count = len(outside)
    if count <= width:
        return np.asarray(outside[columns_of(count, width)])
    return np.bincount(np.arange(count) * width // count, weights=outside, minlength=width)[:width] > 0
