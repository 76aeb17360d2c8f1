"""What each series' own history says its threshold is, shrunk to a prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.scoring.tuning import MINUTE

if TYPE_CHECKING:
    from detectors.scoring.tuning import Tuning
    from detectors.series import BoolArray, FloatArray

_LEAST_SCORE = 0.01
_FIRST = 50
"""Samples from which a score can be told to be abnormal."""


class TailThreshold:
    """Extrapolates the tail of each series' scores from two of its quantiles.

    If the tail is a power law, log-quantiles are linear in log-probability, so the score that is exceeded with a
    probability of tail_far * (tail_far / tail_near) ** tail_reach is far * (far / near) ** tail_reach (Weissman 1978,
    with the tail index from two quantiles, Pickands 1975). The quantiles are those of everyday scores: the anomalies, a
    smaller share, do not move them. While a series is young its threshold is mostly the prior:

        log threshold = (1 - w) log prior + w log own,   w = n / (n + prior_weight)

    The budget of false alarms is one per day, not per sample: a series with fewer samples a day may use a lower
    threshold, by (60 s / step) ** step_exponent, which is what a power-law tail of that index says.
    """

    def __init__(self, size: int, step: float, tuning: Tuning) -> None:
        self._tuning = tuning
        self._coarser = tuning.step_exponent * np.log(step / MINUTE)
        self._near = np.zeros(size)
        self._far = np.full(size, np.log(2.0))

    @property
    def far(self) -> FloatArray:
        """The farther quantile, shape (S,)."""
        far: FloatArray = np.exp(self._far)
        return far

    def of_tail(self, seen: FloatArray) -> FloatArray:
        """What prior and tail say after `seen` samples, shape (S,)."""
        tuning = self._tuning
        own = self._far + tuning.tail_reach * np.maximum(self._far - self._near, 0.0)
        weight = seen / (seen + tuning.prior_weight)
        shrunk = np.maximum((1 - weight) * np.log(tuning.prior) + weight * own, np.log(tuning.least))
        threshold: FloatArray = np.exp(shrunk - self._coarser)
        return threshold

    def value(self, seen: FloatArray) -> FloatArray:
        """The threshold of each series after `seen` samples, shape (S,): what its tail says, and more while young."""
        threshold: FloatArray = self.of_tail(seen) * (1 + self._tuning.youth / np.sqrt(np.maximum(seen, 1)))
        return threshold

    def update(self, score: FloatArray, evidence: FloatArray, learn: BoolArray, seen: FloatArray) -> None:
        """Move both quantiles by one step of stochastic approximation (Robbins and Monro 1951), on the log scale.

        Args:
            score: shape (S,).
            evidence: shape (S,): where it is above the threshold, the score counts for little.
            learn: shape (S,): whether there is a sample that may be learnt from.
            seen: shape (S,): samples so far, this one included.
        """
        tuning = self._tuning
        abnormal = (evidence > self.of_tail(seen)) & (seen >= _FIRST)
        logs = np.log(np.maximum(score, _LEAST_SCORE))
        step = np.where(learn, np.maximum(1 / tuning.tail_memory, 2 / (seen + 10)), 0.0)
        step = np.where(abnormal, tuning.abnormal_gain * step, step)
        for quantile, share in ((self._near, tuning.tail_near), (self._far, tuning.tail_far)):
            quantile += step * ((logs > quantile) / share - 1)
