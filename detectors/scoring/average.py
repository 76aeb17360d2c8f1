"""What is a sample, and exponential averages that are plain means as long as there is little to average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from detectors.series import BoolArray, FloatArray

LARGEST = 1e30
"""Nothing that is measured is larger; what is counts as missing, so that no square overflows."""


class Age:
    """When S series began, and whether that is long enough ago for a season to have been seen."""

    def __init__(self, size: int, period: float) -> None:
        self._period = period
        self._begun = np.full(size, np.inf)

    def passed(self, times: FloatArray, learn: BoolArray) -> BoolArray:
        """Whether a whole period has passed, shape (S,); notes which series begin with these samples.

        Args:
            times: shape (S,), unix seconds.
            learn: shape (S,): whether there is a sample that may be learnt from.
        """
        np.copyto(self._begun, times, where=learn & np.isinf(self._begun))
        return self.passed_at(times)

    def passed_at(self, times: FloatArray) -> BoolArray:
        """The same without noting anything."""
        passed: BoolArray = times >= self._begun + self._period
        return passed


def present_in(values: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Values of shape (S,) with 0 for what is missing (NaN, infinite, larger than `LARGEST`), and what is not."""
    raw = np.asarray(values, dtype=np.float64)
    present = np.abs(raw) <= LARGEST
    return np.where(present, raw, 0.0), present


def gain(half_life: float) -> float:
    """The gain of an exponential average that forgets half in `half_life` updates."""
    return float(1 - 0.5 ** (1 / half_life))


def retained(least: float, seen: FloatArray, present: BoolArray) -> FloatArray:
    """The gain of this update, shape (S,): 1/n until that falls below `least`; 0 where there is no sample."""
    return np.where(present, np.maximum(least, 1 / np.maximum(seen, 1)), 0.0)
