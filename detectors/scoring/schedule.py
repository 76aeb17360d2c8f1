"""Peaks that come on most days at about the same hour: jobs, backups, log rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.scoring.tuning import HOUR

if TYPE_CHECKING:
    from detectors.scoring.tuning import Tuning
    from detectors.series import BoolArray, FloatArray

_HOURS = 168
_DAYS = 6
"""Days before today; the seventh shares its slots with today."""


class Schedule:
    """The hourly peaks of evidence of the last week, and what of them is a habit.

    No seasonal profile learns a short peak: winsorising keeps it out, and its minute varies. The habit of an hour
    is the n-th highest among the last six days' peaks, each within an hour of this time of day.
    """

    def __init__(self, size: int, tuning: Tuning) -> None:
        self._days = tuning.scheduled_days
        self._peaks = np.zeros((_HOURS, size), dtype=np.float32)
        self._hour = np.full(size, -1, dtype=np.int64)
        self._habit = np.zeros(size)
        self._series = np.arange(size)

    def update(self, times: FloatArray, evidence: FloatArray, learn: BoolArray) -> FloatArray:
        """The habitual peak at this hour, shape (S,); then take note of this sample's evidence.

        Args:
            times: shape (S,), unix seconds.
            evidence: shape (S,).
            learn: shape (S,): whose evidence may become a habit.
        """
        hour = np.floor_divide(times, HOUR).astype(np.int64)
        if not np.array_equal(hour, self._hour):
            self._advance(hour)
        at = hour % _HOURS, self._series
        self._peaks[at] = np.maximum(self._peaks[at], np.where(learn, evidence, 0.0))
        return self._habit

    def _advance(self, hour: np.ndarray) -> None:
        passed = np.where(self._hour < 0, 0, np.clip(hour - self._hour, 0, _HOURS))
        for back in range(int(passed.max(initial=0))):
            rows = np.flatnonzero(passed > back)
            self._peaks[(hour[rows] - back) % _HOURS, rows] = 0
        self._hour = hour.copy()
        slots = hour - 24 * np.arange(1, _DAYS + 1)[:, None]
        peaks = np.maximum.reduce([self._peaks[(slots + shift) % _HOURS, self._series] for shift in (-1, 0, 1)])
        self._habit = np.sort(peaks, axis=0)[_DAYS - self._days].astype(np.float64)
