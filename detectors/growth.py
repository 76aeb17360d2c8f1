"""Leaks: memory that grows and is never given back, however often its process begins anew.

A process that leaks draws a saw-tooth. The newest tooth that is long enough is judged: it has to rise over its whole
length and still to rise at its end. The idea and its numbers are those of a check in Coroot; see `leak`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from detectors.series import FloatArray

LEAST_SAMPLES = 0.8
"""Share of the instants that must have a sample."""
LEAST_POINTS = 10
LEAST_SHARE = 1 / 3
"""Of the window, that the judged stretch covers."""
DROP = 0.5
"""Below this share of the value before, a process has begun anew."""
STILL_RISING = 0.3
"""Share of the overall slope that the last quarter must have."""
GROWTH_OF_LIMIT, GROWTH_BYTES = 0.05, 50 * 2.0**20
"""Growth in an hour that counts: a share of the limit, or bytes where there is none."""
STEADY = 0.8
"""Least share of the variance that the line explains: load that comes and goes is no leak."""


class Growth(NamedTuple):
    """A steady growth."""

    hourly: float
    """Bytes an hour."""
    since: int
    """Index of the first instant of the stretch."""


def leak(values: FloatArray, step: float, limit: float = float("nan")) -> Growth | None:
    """The steady growth of a memory series; None where there is none, or too little to tell.

    Args:
        values: shape (T,), bytes, oldest first; NaN where there is no sample.
        step: seconds between two instants.
        limit: bytes; NaN without one.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < max(LEAST_POINTS, LEAST_SAMPLES * len(values)):
        return None
    series = values[known]
    cuts = np.flatnonzero(series[1:] < DROP * series[:-1]) + 1
    runs = list(zip([0, *cuts], [*cuts, len(series)], strict=True))
    begin, end = max(runs, key=lambda run: (run[1] - run[0], run[0]))
    if end - begin < max(LEAST_POINTS, LEAST_SHARE * len(values)):
        return None
    hours, stretch = known[begin:end] * step / 3600, series[begin:end]
    slope, fit = _line(hours, stretch)
    quarter = max(4, len(stretch) // 4)
    late, _ = _line(hours[-quarter:], stretch[-quarter:])
    least = GROWTH_OF_LIMIT * limit if np.isfinite(limit) else GROWTH_BYTES
    if slope < least or late < STILL_RISING * slope or fit < STEADY:
        return None
    return Growth(slope, int(known[begin]))


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Least squares: slope, and the share of the variance that the line explains."""
    dx, dy = x - x.mean(), y - y.mean()
    spread, total = float(dx @ dx), float(dy @ dy)
    if not spread or not total:
        return 0.0, 0.0
    slope = float(dx @ dy) / spread
    return slope, slope * slope * spread / total
