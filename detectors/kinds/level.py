"""level-shift: a gauge or rate far from its usual level, at once or by slow drift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.verdict import HIGHEST, LEARNING, LIVE, LOCAL_ONLY, NO_DATA, Test, conclude, margin, number
from detectors.model import Views
from detectors.statistics import divide, median
from detectors.windows import MINIMUM_COVERAGE, Baseline, Scored, Season, learn, season, trailing_run

if TYPE_CHECKING:
    from detectors.kinds.verdict import Numbers
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData, Windows

FLOORS = ("absolute_ratio", "min_level", "min_bytes_per_second", "min_used_bytes")
"""Parameters and guards that the level itself must reach."""
INCREASES = ("min_increase", "min_absolute_increase_bytes_per_second", "min_used_bytes")
"""Guards that the change must reach."""
_SLACK = 1.0
"""CUSUM's allowance, in spreads: drifts slower than this never add up."""
_DECISION = 4.0
"""CUSUM's decision interval, in multiples of `z_min` spreads."""


def level_shift(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """The mean of the evaluation against what was to be expected.

    That is the median of the baseline or, where a profile of the day is known, the forecast of the scorer
    (`detectors.scoring`), whichever an anomaly has moved less. It must be surprising by any of: z = (mean - median) /
    max(1.4826 * MAD, 5 % of the median, floor) >= z_min; the CUSUM of the same z over the whole window (Page 1954)
    beyond its decision interval; the scorer's score of the newest sample, which the last minutes, the time of day, the
    time of week and the forecast must agree on.

    Further conditions: mean >= min_ratio * max(expected, seasonal expectation); the row's floors on level and increase;
    and min_duration_seconds without a break above the limit.

    What a row may add: `per_replica` also expects as much of each replica as usual, so that more of them may do more;
    `max_fraction` judges falls below that fraction of all expectations as well, where another day can be asked, since
    the end of a batch is a fall too. With a min_ratio of 1 the increase alone counts: shares near 1 cannot double.
    """
    if data.level is None:
        raise ValueError("level-shift needs a level")
    level = data.level
    z_min = number(params, "z_min", 5)
    least = max([number(guards, name, 0) for name in INCREASES])
    means = windows.evaluation_means(level)
    floor = max(least / max(z_min, 1), 1e-12)
    baseline = learn(level, data, windows, floor=floor, sign=1)
    followed = data.followed()
    usual = followed.usual(baseline.median, 1)
    seen = season(data, windows, usual, lambda reference: _reference_levels(reference, windows))
    view = _View(
        level, means, usual, baseline, followed, seen, _replicas(data, usual, baseline, params, windows), z_min, least
    )
    rise, high = _rise(view, params, guards, windows)
    low = np.zeros(len(level))
    if fraction := number(params, "max_fraction", 0):
        below = learn(level, data, windows, floor=floor, sign=-1)
        falling = replace(view, baseline=below, usual=followed.usual(below.median, -1))
        fall, low = _fall(falling, fraction, guards)
        rise = np.fmax(rise, fall)
    unseen = np.isnan(means).any(axis=0) | _members_missing(data, guards, windows)
    thin = ~(baseline.enough | followed.known) | _too_little(data, guards, windows)
    return conclude(
        data,
        windows,
        Test(
            values=level,
            low=low[:, None],
            high=high[:, None],
            margins=(rise,),
            coverage=np.select([unseen, thin], [NO_DATA, LEARNING], LIVE).astype(np.int8),
            observed=means[0],
            history=np.where(followed.known, 1.0, baseline.coverage),
            views=Views.LOCAL + seen.views,
            extra={"usual": usual, "spread": baseline.spread, "seasonal": seen.expected[0]},
        ),
    )


@dataclass(frozen=True, slots=True)
class _View:
    """What both directions look at; S series, H evaluations."""

    level: FloatArray
    """Shape (S, T)."""
    means: FloatArray
    """Shape (H, S)."""
    usual: FloatArray
    """Shape (S,): what was to be expected now."""
    baseline: Baseline
    followed: Scored
    season: Season
    replicas: FloatArray
    """Shape (H, S): what as many replicas as now usually make; NaN where they do not matter."""
    z_min: float
    least: float
    """The change that is worth a word."""

    @property
    def strictness(self) -> FloatArray:
        return np.where(self.season.views > 0, 1.0, LOCAL_ONLY)

    def surprise(self, by_window: FloatArray, sign: int) -> FloatArray:
        """The margin (H, S) of the statistic in one direction: the window's, or the scorer's where it knows the series.

        Either is enough, since what is expected asks the season for both. The scorer sees what fills the window; the
        window knows how calm the last minutes were, where the spread of a whole day hides what happens at night.
        """
        score = np.clip(np.nan_to_num(sign * self.followed.score[0]), 0.0, HIGHEST)
        return np.where(self.followed.known, np.fmax(score, by_window), by_window)


def _rise(view: _View, params: Numbers, guards: Numbers, windows: Windows) -> tuple[FloatArray, FloatArray]:
    """Margins (H, S) of being too high, and the upper edge of the band (S,)."""
    usual, median_before, spread = view.usual, view.baseline.median, view.baseline.spread
    ratio = number(params, "min_ratio", 2)
    expected = np.fmax(np.fmax(usual, view.season.expected), view.replicas)
    drift = cusum((view.level - median_before[:, None]) / spread[:, None], _SLACK)[None] / (_DECISION * view.z_min)
    by_window = np.fmax(margin((view.means - median_before) / spread, view.z_min), np.clip(drift, 0, HIGHEST))
    shift = view.surprise(by_window, 1)
    floors = [number(numbers, name, 0) for name in FLOORS for numbers in (params, guards) if name in numbers]
    surprising = np.where(view.followed.known, usual, usual + view.z_min * spread)
    edge = np.fmax(ratio * expected[0], np.fmax(surprising, expected[0] + view.least))
    high = view.strictness * np.maximum(edge, max(floors, default=0.0))
    margins = [shift, margin(view.means - expected, view.least), *(margin(view.means, floor) for floor in floors)]
    if ratio > 1:
        margins.append(margin(view.means, ratio * expected))
    if duration := number(guards, "min_duration_seconds", 0):
        margins.append(margin(_lasted(view.level, high, windows) * view.strictness, duration))
    shape = view.means.shape
    return np.minimum.reduce([np.broadcast_to(each, shape) for each in margins]) / view.strictness, high


def _fall(view: _View, fraction: float, guards: Numbers) -> tuple[FloatArray, FloatArray]:
    """Margins (H, S) of being too low, and the lower edge of the band (S,); none without another day."""
    usual, baseline = view.usual, view.baseline
    expected = np.where(view.season.views > 0, np.fmin(np.fmin(usual, view.season.expected), view.replicas), np.nan)
    limit = fraction * expected
    floors = [number(guards, name, 0) for name in FLOORS if name in guards]
    margins = (
        view.surprise(margin((baseline.median - view.means) / baseline.spread, view.z_min), -1),
        margin(limit, np.maximum(view.means, 1e-12)),
        margin(expected - view.means, view.least),
        *(margin(expected, floor) for floor in floors),
    )
    fell = np.nan_to_num(np.minimum.reduce(margins), nan=0.0)
    return fell, np.nan_to_num(limit[0], nan=0.0)


def _lasted(level: FloatArray, high: FloatArray, windows: Windows) -> FloatArray:
    """Seconds for which each series has been above its limit, shape (S,); single gaps and dips do not end it."""
    run = trailing_run(level > high[:, None], np.isnan(level))
    first = np.where(run.any(axis=1), np.argmax(run, axis=1), level.shape[1])
    lasted: FloatArray = (level.shape[1] - first) * float(windows.step)
    return lasted


def _replicas(data: SignalData, usual: FloatArray, baseline: Baseline, params: Numbers, windows: Windows) -> FloatArray:
    """What as many replicas as report now would usually make together, shape (H, S)."""
    if data.members is None or not number(params, "per_replica", 0):
        return np.full((windows.hold, data.size), np.nan)
    before = windows.baseline_of(data.members)
    each = median(divide(baseline.training, before))
    each = np.where(data.followed().known, divide(usual, median(before)), each)
    return each * windows.evaluation_means(data.members)


def _members_missing(data: SignalData, guards: Numbers, windows: Windows) -> BoolArray:
    """Which series miss too many of the members (nodes) that they are usually made of, shape (S,)."""
    share = number(guards, "min_nodes_reporting_share", 0)
    if data.members is None or not share:
        return np.zeros(data.size, dtype=np.bool_)
    usual = median(windows.baseline_of(data.members))
    missing: BoolArray = windows.evaluation_means(data.members).min(axis=0) < share * usual
    return missing


def _too_little(data: SignalData, guards: Numbers, windows: Windows) -> BoolArray:
    """Which series are a share of too little to mean anything, shape (S,)."""
    if data.per is None:
        return np.zeros(data.size, dtype=np.bool_)
    rate = windows.evaluation_means(data.per).min(axis=0)
    periods = number(guards, "min_periods_eval", 0) / (windows.evaluation * windows.step)
    little: BoolArray = rate < max(periods, number(guards, "min_segments_per_second", 0))
    return little


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
