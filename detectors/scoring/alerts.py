"""From scores to alerts: persistence, and one alert for one episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detectors.scoring.tuning import Tuning
    from detectors.series import BoolArray, FloatArray


class Persistence:
    """Asks more of a single sample, and less of a deviation that stays.

    evidence = max(s / single, min(s, s'), |m| / sustained) with s' the score before, in the same direction, and m the
    exponential average of the signed, limited scores.
    """

    def __init__(self, size: int, step: float, tuning: Tuning) -> None:
        self._tuning = tuning
        self._single = tuning.single ** min(1.0, tuning.single_seconds / step)
        self._previous = np.zeros(size)
        self._mean = np.zeros(size)

    def forget(self, series: BoolArray) -> None:
        """Begin anew with some series, by a mask of shape (S,)."""
        self._previous[series] = self._mean[series] = 0.0

    def update(self, score: FloatArray, sign: FloatArray, present: BoolArray, limit: FloatArray) -> FloatArray:
        """The evidence in S series, in the unit of the score.

        Args:
            score: shape (S,).
            sign: shape (S,): its direction.
            present: shape (S,): without a sample nothing changes and there is no evidence.
            limit: shape (S,): more than this does not enter the average.
        """
        tuning = self._tuning
        signed = sign * score
        before = np.maximum(self._previous * sign, 0.0)
        mean = self._mean + tuning.smoothing * (sign * np.minimum(score, limit) - self._mean)
        np.copyto(self._previous, signed, where=present)
        np.copyto(self._mean, mean, where=present)
        evidence = np.maximum(np.maximum(score / self._single, np.minimum(score, before)), abs(mean) / tuning.sustained)
        return np.where(present, evidence, 0.0)


class Episodes:
    """Says which samples start an alert, given which are above the threshold.

    What stays above the threshold is one episode and alerts once, so that a level change alerts until it is adopted,
    not every minute. After an alert a new episode is silent for a while unless it is clearly worse.
    """

    def __init__(self, size: int, step: float, tuning: Tuning) -> None:
        self._tuning = tuning
        self._over_after = max(tuning.episode_seconds / step, tuning.episode_samples)
        self._since_above = np.full(size, np.inf)
        self._since_alert = np.full(size, np.inf)
        self._peak = np.zeros(size)

    def update(self, above: BoolArray, score: FloatArray, present: BoolArray) -> BoolArray:
        """Where an alert starts, shape (S,)."""
        self._since_above += present
        self._since_alert += present
        fresh = above & (self._since_above > self._over_after)
        silent = (self._since_alert < self._tuning.silence) & (score < self._tuning.worse * self._peak)
        starts = fresh & ~silent
        self._since_above[above] = 0
        self._since_alert[starts] = 0
        np.copyto(self._peak, score, where=starts)
        return starts

    def pass_by(self, samples: int) -> None:
        """Let so many samples pass in which nothing was above the threshold."""
        self._since_above += samples
        self._since_alert += samples
