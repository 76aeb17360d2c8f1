"""What a value is compared with: the last minutes, the same time of day, the same time of week, a forecast.

A view answers for S series at once how many of its spreads a value lies from what it expected, then learns from the
value, winsorised: a deviation of more than a few spreads trains as one of that many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.scoring.average import gain, retained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.scoring.tuning import Tuning
    from detectors.series import BoolArray, FloatArray

MEAN_TO_SIGMA = 1.2533141373155001
"""sqrt(pi / 2): makes the mean absolute deviation of normal samples an estimate of their standard deviation."""
_FIRST = 5
"""Deviations that set the spread before any is winsorised."""


class Spread:
    """The winsorised mean absolute deviation of S series, as a standard deviation."""

    def __init__(self, size: int, tuning: Tuning) -> None:
        self._winsor = tuning.winsor
        self._least_gain = gain(tuning.spread_half_life)
        self._deviation = np.zeros(size)
        self._seen = np.zeros(size)

    def value(self, floor: FloatArray) -> FloatArray:
        """Shape (S,), at least `floor`."""
        return np.maximum(MEAN_TO_SIGMA * self._deviation, floor)

    def update(self, deviation: FloatArray, learn: BoolArray, floor: FloatArray) -> None:
        """Learn from those deviations of shape (S,) that may be learnt from."""
        size = np.abs(deviation)
        self._seen += learn
        limit = np.where(self._seen < _FIRST, np.inf, self._winsor * self.value(floor))
        self._deviation += retained(self._least_gain, self._seen, learn) * (np.minimum(size, limit) - self._deviation)


class Level:
    """A winsorised exponential moving average: the local view, and the level of the forecast.

    Source: robust exponential smoothing, Gelper, Fried and Croux (2010), with Huber's psi.
    """

    def __init__(self, size: int, tuning: Tuning) -> None:
        self._winsor = tuning.winsor
        self._least_gain = gain(tuning.level_half_life)
        self._spread = Spread(size, tuning)
        self._seen = np.zeros(size)
        self.centre = np.zeros(size)
        self.width = np.ones(size)
        """The spread that the last deviation was measured in."""

    def update(self, values: FloatArray, present: BoolArray, floor: FloatArray, learn: BoolArray) -> FloatArray:
        """How many spreads each value is from the level, shape (S,); 0 where there is none.

        Then learn from those that may be learnt from, a subset of those that are present.
        """
        np.copyto(self.centre, values, where=present & (self._seen == 0))
        self._seen += learn
        deviation = np.where(present, values - self.centre, 0.0)
        self.width = self._spread.value(floor)
        reach = self._winsor * np.where(self._seen < _FIRST, np.maximum(self.width, np.abs(deviation)), self.width)
        self._spread.update(deviation, learn, floor)
        self.centre += retained(self._least_gain, self._seen, learn) * np.clip(deviation, -reach, reach)
        return deviation / self.width


class Profile:
    """A seasonal profile: level and spread of each part of a day or week, constant memory.

    The level of a part is an exponential average over its days, its spread likewise, half shared with all parts. Where
    `tolerant`, a value between the levels of the parts around it is no deviation: what happens every day does not
    happen at the second.

    Source: seasonal smoothing of Holt and Winters (Winters 1960), winsorised.
    """

    def __init__(
        self, size: int, period: int, bins: int, step: float, rate: float, tuning: Tuning, *, tolerant: bool
    ) -> None:
        self._period = period
        self.bins = bins = int(max(1, min(bins, period // step)))
        self._winsor = tuning.winsor
        self._rate = rate
        self._tolerant = tolerant
        self.per_bin = max(1.0, period / bins / step)
        """Samples that a part has in one period."""
        self._spread = Spread(size, tuning)
        self._level = np.full((bins, size), np.nan, dtype=np.float32)
        self._deviation = np.zeros((bins, size), dtype=np.float32)
        self._seen = np.zeros((bins, size), dtype=np.float32)
        self._series = np.arange(size)

    def update(
        self, times: NDArray[np.float64], values: FloatArray, present: BoolArray, floor: FloatArray, learn: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Compare with the profile, then learn.

        Args:
            times: shape (S,), unix seconds.
            values: shape (S,), 0 where not present.
            present: shape (S,).
            floor: shape (S,): least spread.
            learn: shape (S,): of those that are present, which may be learnt from.

        Returns:
            Spreads from the profile (S,), the profile's level (S,), and for which series it knows one (S,).
        """
        here = self._part(times)
        at = here, self._series
        level, bin_deviation, seen = self._level[at].astype(np.float64), self._deviation[at], self._seen[at]
        known = present & (seen > 0)
        low, high = self._around(here, level)
        width = np.maximum(0.5 * (self._spread.value(floor) + MEAN_TO_SIGMA * bin_deviation), floor)
        beyond = np.where(known, np.maximum(values - high, 0) + np.minimum(values - low, 0), 0.0) / width

        deviation = np.where(known, values - level, 0.0)
        limited = np.clip(deviation, -self._winsor * width, self._winsor * width)
        taught = known & learn
        self._spread.update(deviation, taught, floor)
        pull = np.maximum(self._rate, 1 / (1 + seen / self.per_bin)) / self.per_bin
        begun = learn & ~known
        self._level[at] = np.where(taught, level + pull * limited, np.where(begun, values, level))
        first = np.where(begun, self._spread.value(floor) / MEAN_TO_SIGMA, bin_deviation)
        self._deviation[at] = np.where(taught, bin_deviation + pull * (np.abs(limited) - bin_deviation), first)
        self._seen[at] = seen + learn
        return beyond, level, known

    def levels(self, times: NDArray[np.float64]) -> FloatArray:
        """What the profile holds usual at some times (T,), unix seconds: shape (S, T); NaN where it knows nothing."""
        parts, back = np.unique(self._part(times), return_inverse=True)
        found: FloatArray = self._level[parts][back].T.astype(np.float64)
        return found

    def _part(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        return (np.mod(times, self._period) * (self.bins / self._period)).astype(np.intp) % self.bins

    def _around(self, here: NDArray[np.intp], level: FloatArray) -> tuple[FloatArray, FloatArray]:
        if not self._tolerant:
            return level, level
        before = self._level[(here - 1) % self.bins, self._series]
        after = self._level[(here + 1) % self.bins, self._series]
        return np.fmin(np.fmin(before, after), level), np.fmax(np.fmax(before, after), level)
