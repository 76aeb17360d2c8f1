"""How small a spread can be: scale floors from a series' level and resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.scoring.average import gain, retained

if TYPE_CHECKING:
    from detectors.scoring.tuning import Tuning
    from detectors.series import BoolArray, FloatArray

_ROUNDING = 1e-6
"""Differences below this share of the value are arithmetic, not resolution."""
_TINY = 1e-12


class NoiseFloor:
    """The least spread that S series can have.

    max(share m, sqrt(q m + q^2)) with m the usual magnitude and q the smallest step the series was seen to make. A
    series of counts moves in steps of one count, whatever its unit: sqrt(q m) is then the standard deviation of Poisson
    counts with mean m/q, and q^2 keeps the first occurrence after a long silence from being infinitely surprising.
    Where values are continuous q is next to nothing and only the share is left.
    """

    def __init__(self, size: int, tuning: Tuning) -> None:
        self._share = tuning.share
        self._least_gain = gain(tuning.spread_half_life)
        self._magnitude = np.zeros(size)
        self._quantum = np.full(size, np.inf)
        self._previous = np.full(size, np.nan)

    def update(self, values: FloatArray, present: BoolArray, seen: FloatArray) -> FloatArray:
        """Learn from one sample of each series and return the floors.

        Args:
            values: shape (S,), 0 where not present.
            present: shape (S,): whether there is a sample that may be learnt from.
            seen: shape (S,): samples so far, this one included.

        Returns:
            Shape (S,), above zero.
        """
        size = np.abs(values)
        moved = np.abs(values - self._previous)
        step = present & (moved > _ROUNDING * size) & (moved > 0)
        np.minimum(self._quantum, moved, out=self._quantum, where=step)
        np.copyto(self._previous, values, where=present)
        self._magnitude += retained(self._least_gain, seen, present) * (size - self._magnitude)
        quantum = np.where(np.isfinite(self._quantum), self._quantum, 0.0)
        poisson = np.sqrt(quantum * (self._magnitude + quantum))
        return np.maximum(self._share * self._magnitude, poisson) + _TINY
