"""level-shift: a gauge or rate far from its usual level, at once or by slow drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.verdict import LEARNING, LIVE, LOCAL_ONLY, NO_DATA, Test, conclude, margin, number
from detectors.model import Views
from detectors.statistics import median
from detectors.windows import MINIMUM_COVERAGE, learn, season

if TYPE_CHECKING:
    from detectors.kinds.verdict import Numbers
    from detectors.series import FloatArray, Judgement
    from detectors.windows import SignalData, Windows

FLOORS = ("absolute_ratio", "min_level", "min_bytes_per_second")
"""Parameters and guards that the level itself must reach."""
INCREASES = ("min_increase", "min_absolute_increase_bytes_per_second")
"""Guards that the change must reach."""
_SLACK = 1.0
"""CUSUM's allowance, in spreads: drifts slower than this never add up."""
_DECISION = 4.0
"""CUSUM's decision interval, in multiples of `z_min` spreads."""


def level_shift(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """The mean of the evaluation against the baseline.

    z = (mean - median) / max(1.4826 * MAD, 5 % of the median, floor). Conditions: z >= z_min, or the CUSUM of the same
    z over the whole window (Page 1954) beyond its decision interval; mean >= min_ratio * max(local, seasonal
    expectation); and the row's floors on level and increase.
    """
    if data.level is None:
        raise ValueError("level-shift needs a level")
    least = max([number(guards, name, 0) for name in INCREASES])
    z_min, ratio = number(params, "z_min", 5), number(params, "min_ratio", 2)
    baseline = learn(data.level, data, windows, floor=max(least / max(z_min, 1), 1e-12), sign=1)
    usual, spread = baseline.median, baseline.spread
    means = windows.evaluation_means(data.level)
    seen = season(data, windows, usual, lambda reference: _reference_levels(reference, windows))
    expected = np.fmax(usual, seen.expected)
    strictness = np.where(seen.views > 0, 1.0, LOCAL_ONLY)
    drift = cusum((data.level - usual[:, None]) / spread[:, None], _SLACK)[None] / (_DECISION * z_min)
    shift = np.fmax(margin((means - usual) / spread, z_min), np.clip(drift, 0, 100))
    floors = [number(numbers, name, 0) for name in FLOORS for numbers in (params, guards) if name in numbers]
    high = strictness * np.fmax(ratio * expected[0], np.fmax(usual + z_min * spread, expected[0] + least))
    unseen = np.isnan(means).any(axis=0)
    coverage = np.select([unseen, ~baseline.enough], [NO_DATA, LEARNING], LIVE).astype(np.int8)
    return conclude(
        data,
        windows,
        Test(
            values=data.level,
            low=np.zeros((len(usual), 1)),
            high=high[:, None],
            margins=(
                np.broadcast_to(shift, means.shape),
                margin(means, ratio * expected),
                margin(means - expected, least),
                *(margin(means, floor) for floor in floors),
            ),
            coverage=coverage,
            observed=means[0],
            history=baseline.coverage,
            views=Views.LOCAL + seen.views,
            strictness=strictness,
            extra={"usual": usual, "spread": spread, "seasonal": seen.expected[0]},
        ),
    )


def cusum(z: FloatArray, slack: float) -> FloatArray:
    """Page's upper cumulative sum at the end of each row of (S, T): sums what exceeds the slack, never below zero."""
    total = np.zeros(len(z))
    for instant in np.where(np.isnan(z), slack, z).T:
        total = np.maximum(total + instant - slack, 0.0)
    return total


def _reference_levels(reference: SignalData, windows: Windows) -> tuple[FloatArray, FloatArray]:
    assert reference.level is not None
    base = windows.baseline_of(reference.level)
    covered = np.sum(~np.isnan(base), axis=1) >= MINIMUM_COVERAGE * windows.baseline
    return np.where(covered, median(base), np.nan), windows.evaluation_means(reference.level)
