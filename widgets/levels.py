"""How far values are from what is expected, as levels: a sparkline's heights, of one series or of thousands at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

MIDDLE = 3
"""Of eight levels, 0 to 7, the one that means: inside the expected band."""
MISSING = 8
UNJUDGED = 9
_EDGES = (-3.0, -1.0, -1e-9, 1e-9, 1.0, 3.0, 7.0)
"""Between the levels, in half-widths beyond the band's edge; two of them lie at the band itself."""


def levels_of(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, width: int, *, raw: bool = False
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The level of every cell, and whether it lies outside the band; shapes (..., width).

    A cell that covers several samples shows the one farthest from the band: inside the band all are alike, so noise
    does not look jagged, and no excursion is lost.

    Args:
        values: Shape (..., T); see `widgets.sparkline.sparkline`.
        low: Shape (..., T).
        high: Shape (..., T).
        width: Cells.
        raw: Heights on the values' own scale; only for one series, shape (T,).
    """
    import numpy as np

    samples = np.asarray(values, dtype=np.float64)
    if not samples.size:
        shape = (*samples.shape[:-1], width)
        return np.full(shape, MISSING), np.zeros(shape, dtype=np.bool_)
    lower, upper = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        excess = np.maximum(samples - upper, 0.0) - np.maximum(lower - samples, 0.0)
        distance = _per_cell(excess / _half_width(lower, upper), width)
    levels = _raw_levels(samples, width) if raw else np.array(_EDGES).searchsorted(distance)
    unknown = np.isnan(distance)
    if unknown.any():
        levels = levels if raw else np.where(unknown, UNJUDGED, levels)
        levels = np.where(np.isnan(_per_cell(samples, width)), MISSING, levels)
    return levels, np.abs(distance) > 0


def _half_width(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of each band's usual width: the unit of distance, shape (..., 1).

    A band without a width, or open on one side, is measured by a tenth of its edge; one without either by 1.
    """
    import numpy as np

    halves: NDArray[np.float64] = (upper - lower).sum(axis=-1, keepdims=True) / (2 * upper.shape[-1])
    usable = (halves > 0) & (halves < np.inf)
    for sizes, share in ((upper - lower, 0.5), (np.abs(upper), 0.1), (np.abs(lower), 0.1)):
        if usable.all():
            break
        finite = np.isfinite(sizes)
        means = np.where(finite, sizes, 0.0).sum(axis=-1, keepdims=True) / finite.sum(axis=-1, keepdims=True)
        better = ~usable & (means > 0) & (means < np.inf)
        halves, usable = np.where(better, means * share, halves), usable | better
    return np.where(usable, halves, 1.0)


def _per_cell(samples: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The sample farthest from zero in each cell's share of a row; few samples are stretched. Shape (..., width)."""
    import numpy as np

    count = samples.shape[-1]
    starts = np.arange(width) * count // width
    if width >= count:
        return samples[..., starts]
    highest, lowest = np.fmax.reduceat(samples, starts, axis=-1), np.fmin.reduceat(samples, starts, axis=-1)
    return np.where(highest >= -lowest, highest, lowest)


def _raw_levels(samples: NDArray[np.float64], width: int) -> NDArray[np.intp]:
    """Levels between the smallest and the largest finite sample; a constant row is in the middle."""
    import numpy as np

    finite = samples[np.isfinite(samples)]
    floor, top = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if not 0 < top - floor < np.inf:
        return np.full(width, MIDDLE)
    share = _per_cell((samples.clip(floor, top) - floor) / (top - floor), width)
    return (np.nan_to_num(share) * (MISSING - 1) + 0.5).astype(np.intp)
